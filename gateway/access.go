package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// writeTimeout is how long a caller may leave an answer unread before it is given up. Each write
// has as long, so streams last.
const writeTimeout = 30 * time.Second

// exchange is one call as the log shows it.
type exchange struct {
	http.ResponseWriter
	control *http.ResponseController
	pattern string
	status  int
}

type exchangeKey struct{}

// logged writes a line for each call when it has ended. It shows the route and never the URL, in
// which anything may have been put.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		this := &exchange{ResponseWriter: w, control: http.NewResponseController(w), pattern: "-"}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, this))
		id := cleanOrigin(r.Header)
		if id != "" {
			w.Header().Set(requestID, id)
		}
		defer func() {
			slog.Info("call", "method", r.Method, "route", this.pattern, "status", this.status,
				"ms", time.Since(began).Milliseconds(), "request_id", id)
		}()
		this.allowTime() // what the last call of this connection left is over
		next.ServeHTTP(this, r)
	})
}

// notePattern remembers which route a call took.
func notePattern(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		this, ok := r.Context().Value(exchangeKey{}).(*exchange)
		if pattern, found := runtime.HTTPPattern(r.Context()); ok && found {
			this.pattern = pattern.String()
		}
		next(w, r, parameters)
	}
}

// WriteHeader notes the status, which is the first that is given.
func (e *exchange) WriteHeader(status int) {
	if e.status == 0 { // a stream that breaks has sent its own
		e.status = status
		if status == http.StatusUnauthorized {
			e.askForToken()
		}
		e.ResponseWriter.WriteHeader(status)
	}
}

// askForToken says what credential is wanted, where the library has put the message of the refusal, and spells
// the header as it is usually spelt, which net/http does not.
func (e *exchange) askForToken() {
	e.Header().Del("WWW-Authenticate")
	e.Header()["WWW-Authenticate"] = []string{"Bearer"}
}

// Write gives each piece of the answer a time to be taken.
func (e *exchange) Write(piece []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	e.allowTime()
	return e.ResponseWriter.Write(piece)
}

func (e *exchange) allowTime() {
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// Unwrap lets net/http find what the real writer can do.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }
