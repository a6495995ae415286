package main

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// hardened are headers that every answer has: what a browser must not do with it. An answer that is no page
// loads nothing, whatever it is taken for.
var hardened = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY", // for browsers that do not know frame-ancestors
}

func harden(header http.Header, overTLS bool) {
	for name, value := range hardened {
		header.Set(name, value)
	}
	if overTLS {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// refuseWithTime is how calls are refused: as usual, and with the time after which to call again where the
// server says one.
func refuseWithTime(ctx context.Context, mux *runtime.ServeMux, codec runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			seconds := math.Ceil(retry.GetRetryDelay().AsDuration().Seconds())
			w.Header().Set("Retry-After", strconv.Itoa(int(max(seconds, 1))))
		}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, codec, w, r, err)
}
