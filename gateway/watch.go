package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

const (
	// quiet is how long nothing is sent before a comment shows that the stream is alive.
	quiet = 15 * time.Second
	// ended marks the last id of an ended stream: whoever comes back with it gets 204, at which an
	// EventSource stops.
	ended = "-end"
)

// update is one message of a watch.
type update interface {
	proto.Message
	GetData() *pb.Job
}

// watcher serves the rpcs that stream, as lines of JSON or as server-sent events.
type watcher struct {
	mux      *runtime.ServeMux
	codec    runtime.Marshaler
	client   pb.AnalysisServiceClient
	stopping context.Context
}

func (s *watcher) watchJob(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	request := &pb.WatchJobRequest{}
	watch(s, w, r, request, &request.FromRevision, pb.AnalysisService_WatchJob_FullMethodName,
		func(ctx context.Context) (grpc.ServerStreamingClient[pb.WatchJobResponse], error) {
			return s.client.WatchJob(ctx, request)
		})
}

func (s *watcher) watchJobs(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	request := &pb.WatchJobsRequest{}
	watch(s, w, r, request, &request.FromRevision, pb.AnalysisService_WatchJobs_FullMethodName,
		func(ctx context.Context) (grpc.ServerStreamingClient[pb.WatchJobsResponse], error) {
			return s.client.WatchJobs(ctx, request)
		})
}

// watch opens the stream that the URL asks for and forwards it. What is wrong before it stands is
// an HTTP status; a stream that breaks later ends with an error and a connection cut short.
func watch[T any](s *watcher, w http.ResponseWriter, r *http.Request, request proto.Message, from *uint32, method string, open func(context.Context) (grpc.ServerStreamingClient[T], error)) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	refuse := func(err error) { runtime.HTTPError(ctx, s.mux, s.codec, w, r, s.told(err)) }
	annotated, err := runtime.AnnotateContext(ctx, s.mux, r, method)
	if err != nil {
		refuse(err)
		return
	}
	if err := runtime.PopulateQueryParameters(request, r.URL.Query(), noFilter); err != nil {
		refuse(status.Error(codes.InvalidArgument, err.Error()))
		return
	}
	framing := framingFor(r)
	if last := r.Header.Get("Last-Event-ID"); last != "" && framing.events {
		if strings.HasSuffix(last, ended) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		revision, err := strconv.ParseUint(last, 10, 32)
		if err != nil {
			refuse(status.Error(codes.InvalidArgument, "Last-Event-ID: must be the id of an event of this stream"))
			return
		}
		*from = uint32(revision)
	}
	stream, err := open(annotated)
	if err != nil {
		refuse(err)
		return
	}
	messages := make(chan received)
	header, err := stream.Header()
	if err == nil && header == nil { // it ended without having begun
		_, err = stream.Recv()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		refuse(err)
		return
	}
	go receive(ctx, stream, messages)
	if err := s.forward(w, messages, framing); err != nil {
		panic(http.ErrAbortHandler) // what the server of net/http takes for: end the connection now
	}
}

// received is what a stream gave: a message, or the error that ends it.
type received struct {
	message update
	err     error
}

func receive[T any](ctx context.Context, stream grpc.ServerStreamingClient[T], to chan<- received) {
	for {
		message, err := stream.Recv()
		next := received{err: err}
		if err == nil {
			next.message = any(message).(update)
		}
		select {
		case to <- next:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// forward writes the stream to its end; an error means that the caller must see it broken off.
func (s *watcher) forward(w http.ResponseWriter, messages <-chan received, framing framing) error {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", framing.contentType)
	w.Header().Set("X-Accel-Buffering", "no")
	// The body is never empty, and the headers are sent before there is news.
	if _, err := io.WriteString(w, framing.opening); err != nil {
		return err
	}
	beat := time.NewTicker(quiet)
	defer beat.Stop()
	revision := uint32(0)
	for {
		if err := out.Flush(); err != nil {
			return err
		}
		var text string
		select {
		case <-beat.C:
			text = framing.beat
		case next := <-messages:
			if errors.Is(next.err, io.EOF) {
				_, err := io.WriteString(w, framing.end(revision))
				return err
			}
			if next.err != nil {
				return s.breakOff(w, out, framing, next.err)
			}
			line, err := s.codec.Marshal(map[string]proto.Message{"result": next.message})
			if err != nil {
				return err
			}
			revision = max(revision, next.message.GetData().GetRevision())
			text = framing.frame(line, revision)
			beat.Reset(quiet)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
}

// breakOff says why the stream ends, and answers the reason to cut the connection.
func (s *watcher) breakOff(w http.ResponseWriter, out *http.ResponseController, framing framing, reason error) error {
	line, err := s.codec.Marshal(map[string]proto.Message{"error": status.Convert(s.told(reason)).Proto()})
	if err == nil {
		_, _ = io.WriteString(w, framing.failure(line))
		_ = out.Flush()
	}
	return reason
}

// told is the error as the caller should see it: when this process stops, the rpc was cancelled by
// us and not by them.
func (s *watcher) told(err error) error {
	if s.stopping.Err() != nil && status.Code(err) == codes.Canceled {
		return status.Error(codes.Unavailable, "the gateway is stopping; resume with the last revision seen")
	}
	return err
}

// framing is how messages become a body.
type framing struct {
	events                     bool
	contentType, opening, beat string
	frame                      func(line []byte, revision uint32) string
	failure                    func(line []byte) string
	end                        func(revision uint32) string
}

var lines = framing{
	contentType: "application/x-ndjson",
	frame:       func(line []byte, _ uint32) string { return string(line) + "\n" },
	failure:     func(line []byte) string { return string(line) + "\n" },
	end:         func(uint32) string { return "" },
}

var events = framing{
	events:      true,
	contentType: "text/event-stream",
	opening:     "retry: 1000\n\n",
	beat:        ":\n\n",
	frame: func(line []byte, revision uint32) string {
		return fmt.Sprintf("id: %d\ndata: %s\n\n", revision, line)
	},
	// Not named `error`: an EventSource has an event of that name, for other things.
	failure: func(line []byte) string { return fmt.Sprintf("event: failure\ndata: %s\n\n", line) },
	end: func(revision uint32) string {
		return fmt.Sprintf("id: %d%s\nevent: end\ndata: {}\n\n", revision, ended)
	},
}

func framingFor(r *http.Request) framing {
	for _, accept := range r.Header.Values("Accept") {
		if strings.Contains(strings.ToLower(accept), events.contentType) {
			return events
		}
	}
	return lines
}
