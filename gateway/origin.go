package main

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	requestID   = "X-Request-Id"
	traceParent = "Traceparent"
	traceState  = "Tracestate"
	longestID   = 128
	// longestTraceState is how much of it W3C Trace Context wants passed on.
	longestTraceState = 512
	// largestPassedOn bounds what goes on to the server in all, which takes 8 KiB of metadata.
	largestPassedOn = 4 << 10
)

var (
	notInIDs        = regexp.MustCompile(`[^!-~]`)
	validParent     = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	validState      = regexp.MustCompile(`^[ -~]*$`)
	errLargeHeaders = &runtime.HTTPStatusError{
		HTTPStatus: http.StatusRequestHeaderFieldsTooLarge,
		Err:        status.Error(codes.InvalidArgument, "the headers are too large"),
	}
)

// forwarded names the headers that go on as gRPC metadata: those that join the logs of systems.
func forwarded(header string) (string, bool) {
	switch header {
	case traceParent, traceState, requestID:
		return strings.ToLower(header), true
	}
	return "", false
}

// cleanOrigin makes the headers that join logs fit to be passed on and logged, and answers the
// request's id: one word of bounded length. A trace that is none is left out.
func cleanOrigin(header http.Header) string {
	id := header.Get(requestID)
	id = notInIDs.ReplaceAllString(id[:min(len(id), longestID)], "_")
	header.Set(requestID, id)
	if id == "" {
		header.Del(requestID)
	}
	state := strings.Join(header.Values(traceState), ",")
	header.Set(traceState, state)
	if !validParent.MatchString(header.Get(traceParent)) {
		header.Del(traceParent)
		header.Del(traceState)
	} else if state == "" || len(state) > longestTraceState || !validState.MatchString(state) {
		header.Del(traceState)
	}
	return id
}

// checkHeaders bounds what the library passes on by itself, the caller's credential, and takes from it what
// anybody may claim. The server would refuse too much of it as if the gateway were at fault.
func checkHeaders(_ http.ResponseWriter, r *http.Request) error {
	size := len(r.Host)
	for _, name := range []string{"Authorization", "X-Forwarded-For", "X-Forwarded-Host"} {
		size += len(strings.Join(r.Header.Values(name), ", "))
	}
	if size > largestPassedOn {
		return errLargeHeaders
	}
	r.Header.Del("X-Forwarded-For")
	r.Header.Del("X-Forwarded-Host")
	return nil
}
