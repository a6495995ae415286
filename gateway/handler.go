package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // the types of a status's details
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

// newHandler is all of the gateway: the API, its description and the pages.
func newHandler(conn *grpc.ClientConn) (http.Handler, error) {
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
		runtime.WithMiddlewares(notePattern, bodyOnly(refuse), streaming(refuse)),
		runtime.WithForwardResponseOption(begin),
		runtime.WithStreamErrorHandler(breakOff),
		runtime.WithRoutingErrorHandler(refuseRoute),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithHealthzEndpoint(healthpb.NewHealthClient(conn)),
		runtime.SetQueryParameterParser(strictQuery{}),
	)
	if err := pb.RegisterAnalysisServiceHandler(context.Background(), api, conn); err != nil {
		return nil, err
	}
	root := http.NewServeMux()
	root.Handle("/", noStore(api))
	addPages(root)
	return logged(guarded(refuse, root)), nil
}

// forwarded names the headers that go on as gRPC metadata: those that join the logs of systems.
func forwarded(header string) (string, bool) {
	switch header {
	case "Traceparent", "Tracestate", "X-Request-Id":
		return strings.ToLower(header), true
	}
	return "", false
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

// strictQuery refuses a parameter that the request does not know, as bodies do.
type strictQuery struct{ runtime.DefaultQueryParser }

// Parse populates values into message.
func (q strictQuery) Parse(message proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	fields := message.ProtoReflect().Descriptor().Fields()
	for name := range values {
		if fields.ByTextName(name) == nil && fields.ByJSONName(name) == nil {
			return unknownParameterError(name)
		}
	}
	return q.DefaultQueryParser.Parse(message, values, filter)
}

type unknownParameterError string

func (e unknownParameterError) Error() string { return `unknown parameter "` + string(e) + `"` }
