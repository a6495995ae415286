package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// largestBody has room for as many names as a request may have, long and written as escapes.
	largestBody = 64 << 20
	// smallBody is what nearly all requests are below. As many are held as there are calls.
	smallBody = 64 << 10
	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 30 * time.Second
)

// refusal answers a call with an error.
type refusal func(http.ResponseWriter, *http.Request, error)

// check finds what is wrong with a call, before its body is read.
type check func(http.ResponseWriter, *http.Request) error

// guarded refuses what must not get any further: what one of the checks, in their order, finds wrong, and
// a body without bounds.
func guarded(refuse refusal, checks []check, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		harden(w.Header(), r.TLS != nil)
		for _, check := range checks {
			if err := check(w, r); err != nil {
				refuse(w, r, err)
				return
			}
		}
		release, err := bufferBody(w, r)
		defer release()
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkURL says what is wrong with the URL, with its query above all. URLs are written to logs and histories by whatever
// they pass, so a key or token is refused there, whoever it was meant for and however it is spelt.
func checkURL(_ http.ResponseWriter, r *http.Request) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return status.Error(codes.InvalidArgument, "the query cannot be read")
	}
	// What is no UTF-8 would fail on its way to the server, as if the server were at fault.
	if query, _ := url.QueryUnescape(r.URL.RawQuery); !utf8.ValidString(r.URL.Path + query) {
		return status.Error(codes.InvalidArgument, "the URL is not in UTF-8")
	}
	for name := range values {
		if isKey(name) {
			return status.Error(codes.InvalidArgument, "aes256cbckey and iv must not be in a URL: POST them in a JSON body")
		}
		if isMaskingKey(name) {
			return status.Error(codes.InvalidArgument, "a masking key must not be in a URL: POST it in a JSON body")
		}
		if isToken(name) {
			return status.Error(codes.InvalidArgument, "a token must not be in a URL: send the header Authorization")
		}
	}
	return nil
}

// bodyOnly refuses a POST with parameters in its URL, which would be left unread. It looks at calls
// that have a route: a path that takes no POST at all says so.
func bodyOnly(refuse refusal) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
			if r.Method == http.MethodPost && r.URL.RawQuery != "" {
				refuse(w, r, status.Error(codes.InvalidArgument, "what is POSTed belongs in the body, not in the URL"))
				return
			}
			next(w, r, parameters)
		}
	}
}

func isKey(name string) bool {
	return slices.ContainsFunc(parts(name), func(part string) bool {
		return part == "iv" || strings.Contains(part, "aes256cbckey")
	})
}

// isMaskingKey tells masking.key and masking_key, and what else may be meant to be one of them.
func isMaskingKey(name string) bool {
	return slices.ContainsFunc(joinedParts(name), func(part string) bool {
		return part == "key" || strings.Contains(part, "maskingkey")
	})
}

// tokens are names by which credentials are put into URLs elsewhere, without what may join their words.
var tokens = []string{
	"accesstoken", "apikey", "auth", "authorization", "authtoken", "bearer", "bearertoken", "idtoken", "jwt", "token",
}

func isToken(name string) bool {
	return slices.ContainsFunc(joinedParts(name), func(part string) bool { return slices.Contains(tokens, part) })
}

// joinedParts are the parts of a name without what may join their words.
func joinedParts(name string) []string {
	return parts(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// parts are the words of a parameter's name in lower case, however it is spelt.
func parts(name string) []string {
	separator := func(c rune) bool { return strings.ContainsRune(".[]=&;? \t\r\n", c) }
	return strings.FieldsFunc(strings.ToLower(name), separator)
}

// bodySize is how long bodies may be, and how many of them, longer than the size before, are held at a time.
// Others wait for their turn: whoever sends them may be anybody, as it is the server that knows who calls.
type bodySize struct {
	most  int64
	turns chan struct{}
}

var bodySizes = []bodySize{
	{1 << 20, make(chan struct{}, 32)},
	{largestBody + 1, make(chan struct{}, 2)}, // one byte more, so that what is too long shows
}

// bufferBody reads the body within a time of its own: a deadline for the whole request would cut
// streams. What it answers is to be called when the body is not needed any more.
func bufferBody(w http.ResponseWriter, r *http.Request) (release func(), err error) {
	release = func() {}
	if r.Body == nil || r.Body == http.NoBody {
		return release, nil
	}
	limited, body := http.MaxBytesReader(w, r.Body, largestBody), new(bytes.Buffer)
	read := int64(smallBody)
	err = readInTime(w, io.LimitReader(limited, read), body)
	for _, size := range bodySizes {
		if err != nil || int64(body.Len()) < read {
			break
		}
		shorter := release
		release, err = size.awaitTurn()
		shorter() // of these, it is none any more
		if err == nil {
			err = readInTime(w, io.LimitReader(limited, size.most-read), body)
		}
		read = size.most
	}
	r.Body = io.NopCloser(body)
	return release, err
}

func (s bodySize) awaitTurn() (release func(), err error) {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-time.After(bodyTimeout):
		return func() {}, status.Error(codes.Unavailable, "too many large requests at a time; call again later")
	}
}

func readInTime(w http.ResponseWriter, from io.Reader, body *bytes.Buffer) error {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	_, err := body.ReadFrom(from)
	_ = control.SetReadDeadline(time.Time{})
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		refused := status.Errorf(codes.InvalidArgument, "the body has more than %d bytes", largestBody)
		return &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: refused}
	} else if err != nil {
		return status.Error(codes.InvalidArgument, "the body cannot be read")
	}
	return nil
}
