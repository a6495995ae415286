package main

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

// newHandler is all of the gateway: the API, its description and the pages.
func newHandler(conn *connections, known hosts, allowed origins) (http.Handler, error) {
	codec := newCodec()
	var api *runtime.ServeMux
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		runtime.HTTPError(r.Context(), api, codec, w, r, err)
	}
	api = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, codec),
		runtime.WithMarshalerOption(eventsType, eventCodec{codec}),
		runtime.WithIncomingHeaderMatcher(forwarded),
		runtime.WithOutgoingHeaderMatcher(nothing),
		runtime.WithOutgoingTrailerMatcher(nothing),
		runtime.WithMiddlewares(notePattern, asked(allowed, refuse), bodyOnly(refuse), checkFields(refuse), streaming(refuse)),
		runtime.WithForwardResponseOption(begin),
		runtime.WithStreamErrorHandler(breakOff),
		runtime.WithErrorHandler(refuseWithTime),
		runtime.WithRoutingErrorHandler(refuseRoute),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithHealthzEndpoint(healthpb.NewHealthClient(conn)),
	)
	client := pb.NewAnalysisServiceClient(conn)
	if err := pb.RegisterAnalysisServiceHandlerClient(context.Background(), api, client); err != nil {
		return nil, err
	}
	root := http.NewServeMux()
	root.Handle("/", noStore(api))
	addPages(root)
	checks := []check{known.check, checkHeaders, checkURL, allowed.check}
	return logged(guarded(refuse, checks, preflighted(root))), nil
}

func nothing(string) (string, bool) { return "", false }

// refuseRoute answers 405 to a method that a path does not have; the library's own 501 would say
// that the server has it not.
func refuseRoute(ctx context.Context, mux *runtime.ServeMux, codec runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	if code != http.StatusMethodNotAllowed {
		runtime.DefaultRoutingErrorHandler(ctx, mux, codec, w, r, code)
		return
	}
	w.Header().Set("Allow", allowedMethods(r.URL.Path))
	err := status.Error(codes.Unimplemented, http.StatusText(code))
	runtime.HTTPError(ctx, mux, codec, w, r, &runtime.HTTPStatusError{HTTPStatus: code, Err: err})
}

// noStore keeps answers, which are about people's files, out of caches.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
