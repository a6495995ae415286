package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	largestBody = 1 << 20
	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 30 * time.Second
)

// refusal answers a call with an error.
type refusal func(http.ResponseWriter, *http.Request, error)

var crossOrigin = http.NewCrossOriginProtection()

// guarded refuses what must not get any further: a key in a URL, a body without bounds, and a call
// that another site makes a browser send.
func guarded(refuse refusal, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		for _, check := range []func(http.ResponseWriter, *http.Request) error{checkHeaders, checkURL, checkOrigin, bufferBody} {
			if err := check(w, r); err != nil {
				refuse(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// checkURL says what is wrong with the URL, with its query above all. URLs are written to logs and histories by whatever
// they pass, so a key is refused there, whoever it was meant for and however it is spelt.
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
	separator := func(c rune) bool { return strings.ContainsRune(".[]=&;? \t\r\n", c) }
	for _, part := range strings.FieldsFunc(strings.ToLower(name), separator) {
		if part == "iv" || strings.Contains(part, "aes256cbckey") {
			return true
		}
	}
	return false
}

func checkOrigin(_ http.ResponseWriter, r *http.Request) error {
	if crossOrigin.Check(r) != nil {
		return status.Error(codes.PermissionDenied, "a page of another site must not make this call")
	}
	return nil
}

// bufferBody reads the body, which is small, within a time of its own: a deadline for the whole
// request would cut streams.
func bufferBody(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	_ = control.SetReadDeadline(time.Time{})
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		refused := status.Errorf(codes.InvalidArgument, "the body has more than %d bytes", largestBody)
		return &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: refused}
	} else if err != nil {
		return status.Error(codes.InvalidArgument, "the body cannot be read")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
