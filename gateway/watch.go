package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

const (
	eventsType = "text/event-stream"
	linesType  = "application/x-ndjson"
	// quiet is how long no event is sent before a comment shows that the stream is alive.
	quiet = 15 * time.Second
	// ended marks the last id of an ended stream: whoever comes back with it gets 204, at which an
	// EventSource stops.
	ended = "-end"
)

// update is an answer with a job, as all messages of a watch are.
type update interface{ GetData() *pb.Job }

// eventCodec writes the messages of a stream as server-sent events, whose ids are revisions.
type eventCodec struct{ *codec }

// StreamContentType is the type of a stream; that of a refusal is the codec's.
func (c eventCodec) StreamContentType(any) string { return eventsType }

// Marshal leaves to the delimiter the empty line that ends an event.
func (c eventCodec) Marshal(value any) ([]byte, error) {
	line, err := c.codec.Marshal(value)
	switch chunk := value.(type) {
	case map[string]any:
		if message, ok := chunk["result"].(update); ok {
			line = fmt.Appendf(nil, "id: %d\ndata: %s\n", message.GetData().GetRevision(), line)
		}
	case map[string]proto.Message: // with the member `error`
		// Not an event of that name: an EventSource has one, for other things.
		line = fmt.Appendf(nil, "event: failure\ndata: %s\n", line)
	}
	return line, err
}

// stream is what a call's answer is written to, with what its end depends on.
type stream struct {
	http.ResponseWriter
	events   bool
	begun    bool
	revision uint32
	told     bool // the last state that was sent is one that ends a watch
	broken   bool
	beat     *time.Timer

	writing sync.Mutex // by the call itself, and by its beat
	over    bool
}

type streamKey struct{}

// streaming lets the codec of server-sent events answer a call that asks for them, and sees to the
// ends of all streams.
func streaming(refuse refusal) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
			this := &stream{ResponseWriter: w}
			if accepted := strings.Join(r.Header.Values("Accept"), ","); strings.Contains(strings.ToLower(accepted), eventsType) {
				last := r.Header.Get("Last-Event-ID")
				if strings.HasSuffix(last, ended) {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				if err := resume(r, last); err != nil {
					refuse(w, r, err)
					return
				}
				r.Header.Set("Accept", eventsType)
				this.events = true
			}
			next(this, r.WithContext(context.WithValue(r.Context(), streamKey{}, this)), parameters)
			this.end()
		}
	}
}

// resume asks for what came after the last event that was seen.
func resume(r *http.Request, last string) error {
	if last == "" {
		return nil
	}
	if _, err := strconv.ParseUint(last, 10, 32); err != nil {
		return status.Error(codes.InvalidArgument, "Last-Event-ID: must be the id of an event of this stream")
	}
	query := r.URL.Query()
	query.Set("from_revision", last)
	r.URL.RawQuery = query.Encode()
	return nil
}

// begin sends the headers of a stream, for which there is no message yet: the library itself sends
// them with the first one.
func begin(_ context.Context, w http.ResponseWriter, message proto.Message) error {
	this, ok := w.(*stream)
	if answer, isUpdate := message.(update); ok && isUpdate {
		this.revision = answer.GetData().GetRevision()
		this.told = answer.GetData().GetStatus() != pb.Job_WORKING
	}
	if !ok || message != nil {
		return nil
	}
	this.begun = true
	w.Header().Set("X-Accel-Buffering", "no")
	opening := ""
	if this.events {
		w.Header().Set("Content-Type", eventsType)
		opening = "retry: 1000\n\n"
		this.beat = time.AfterFunc(quiet, func() { _ = this.send(":\n\n") })
	} else {
		w.Header().Set("Content-Type", linesType)
	}
	return this.send(opening)
}

// breakOff notes that a stream has ended with an error.
func breakOff(ctx context.Context, err error) *status.Status {
	if this, ok := ctx.Value(streamKey{}).(*stream); ok {
		this.broken = true
	}
	return status.Convert(err)
}

// end lets a stream of events end with one that says so, and cuts the connection of a stream that
// is broken: nothing else tells every reader that there should have been more. So is one that ends
// well before its last state, as a proxy before the server can make it.
func (s *stream) end() {
	s.broken = s.broken || s.begun && !s.told
	if s.broken {
		_ = s.FlushError() // what the library has said about it
	} else if s.beat != nil {
		_ = s.send(fmt.Sprintf("id: %d%s\nevent: end\ndata: {}\n\n", s.revision, ended))
	}
	s.writing.Lock()
	s.over = true
	s.writing.Unlock()
	if s.beat != nil {
		s.beat.Stop()
	}
	if s.broken {
		panic(http.ErrAbortHandler) // what net/http takes for: end the connection now
	}
}

func (s *stream) send(text string) error {
	if _, err := io.WriteString(s, text); err != nil {
		return err
	}
	return s.FlushError()
}

// Write puts the beat off.
func (s *stream) Write(piece []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.over {
		return 0, http.ErrHandlerTimeout
	}
	if s.beat != nil {
		s.beat.Reset(quiet)
	}
	return s.ResponseWriter.Write(piece)
}

// FlushError is how net/http flushes.
func (s *stream) FlushError() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.over {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(s.ResponseWriter).Flush()
}
