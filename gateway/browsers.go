package main

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Browsers send what the page of any site tells them to, from within the network that they are in.
// What follows tells such calls from those of programs, which could be anything and are let through, and
// from those of the gateway's own pages (docs/spec.md 9.5). There are no cookies: whoever needs a token to
// call shows it by himself.

const (
	// unasked is a header that a browser sends to another site only where that site has agreed to it.
	unasked = "X-Requested-With"
	// preflightSeconds is how long a browser may remember what it was allowed.
	preflightSeconds = "600"
)

var (
	// cheap are the calls that read little and answer at once. Another site's page cannot read the answer,
	// and nothing is lost where it has a browser make one: so links to them work. All others cost something.
	cheap = []string{"GetJobStatus", "ListJobs", "ListTables"}

	errForeign = status.Error(codes.PermissionDenied, "a page of another site must not make this call")
	errCostly  = status.Error(codes.PermissionDenied, "a browser makes this call for a page of the gateway only, "+
		"such as /, or with the header "+unasked)
	errNoJSON = &runtime.HTTPStatusError{
		HTTPStatus: http.StatusUnsupportedMediaType,
		Err:        status.Error(codes.InvalidArgument, "Content-Type must be application/json"),
	}
)

// origins are those of MYD_REST_ORIGINS, whose pages may call as the gateway's own do.
type origins map[string]bool

func readOrigins(text string) (origins, error) {
	allowed := origins{}
	for _, one := range listed(text) {
		origin, err := url.Parse(one)
		if err != nil || !isWeb(origin.Scheme) || !hostForm.MatchString(strings.ToLower(origin.Host)) ||
			one != origin.Scheme+"://"+origin.Host {
			return nil, unusable("MYD_REST_ORIGINS", one, "a scheme and a host, such as https://portal.example")
		}
		allowed[withoutUsualPort(strings.ToLower(one))] = true
	}
	return allowed, nil
}

// withoutUsualPort is an origin as browsers send it.
func withoutUsualPort(origin string) string {
	if strings.HasPrefix(origin, "https:") {
		return strings.TrimSuffix(origin, ":443")
	}
	return strings.TrimSuffix(origin, ":80")
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

// check refuses what the page of another site makes a browser call, as far as that can be told of any
// call, and tells browsers what pages of allowed origins may do.
func (o origins) check(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Vary", "Origin")
	origin := strings.Join(r.Header.Values("Origin"), ", ")
	if o[origin] {
		allow(w.Header(), origin)
		return nil
	}
	changes := !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, r.Method)
	if origin != "" && !isOwn(origin, r) || changes && isCrossSite(r) {
		return errForeign
	}
	return nil
}

func allow(header http.Header, origin string) {
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, "+requestID)
}

// isOwn says whether a URL is of the site that is called. Where a proxy does TLS, the scheme is not known.
func isOwn(text string, r *http.Request) bool {
	origin, err := url.Parse(text)
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host) &&
		isWeb(origin.Scheme) && (origin.Scheme == "https" || r.TLS == nil)
}

// isCrossSite is what browsers say by themselves, to those whom they trust: over TLS or on the same machine.
func isCrossSite(r *http.Request) bool {
	return !slices.Contains([]string{"", "same-origin", "none"}, r.Header.Get("Sec-Fetch-Site"))
}

// preflighted answers a browser that asks what a page of another site may call.
func preflighted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions || w.Header().Get("Access-Control-Allow-Origin") == "" ||
			r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		w.Header().Set("Access-Control-Allow-Headers", strings.Join(
			[]string{"Authorization", "Content-Type", "Last-Event-ID", traceParent, traceState, requestID, unasked}, ", "))
		w.Header().Set("Access-Control-Max-Age", preflightSeconds)
		w.WriteHeader(http.StatusNoContent)
	})
}

// asked refuses a call that costs or changes something where a page of another site could have made a
// browser send it without asking first. It looks at calls that have a route.
func asked(allowed origins, refuse refusal) runtime.Middleware {
	return func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
			called, ok := operationOf(r)
			switch {
			case !ok: // health
				next(w, r, parameters)
			case r.Method == http.MethodGet && !slices.Contains(cheap, called.rpc) && !allowed.askedFor(r):
				refuse(w, r, errCostly)
			case r.Method != http.MethodGet && !isJSON(r):
				refuse(w, r, errNoJSON)
			default:
				next(w, r, parameters)
			}
		}
	}
}

// askedFor says whether a program sends this GET, or a browser for a page that may have it.
//
// Browsers leave out Sec-Fetch-Site where they do not trust the network, and Origin from images, links and
// whatever else does not show the answer to the page. They are known by their User-Agent then, which no
// page can change, as it cannot add headers that were not asked for.
func (o origins) askedFor(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "" {
		return !isCrossSite(r) || o[r.Header.Get("Origin")]
	}
	isBrowser := strings.HasPrefix(r.UserAgent(), "Mozilla/")
	return !isBrowser || r.Header.Get(unasked) != "" || r.Header.Get("Authorization") != "" ||
		r.Header.Get("Origin") != "" || isOwn(r.Referer(), r)
}

// isJSON says whether a call is of the one type that a form cannot send, nor a page without asking first.
// A DELETE without a body has no type, and is itself what takes asking.
func isJSON(r *http.Request) bool {
	if r.Method == http.MethodDelete && r.ContentLength == 0 {
		return true
	}
	kind, _, err := mime.ParseMediaType(strings.Join(r.Header.Values("Content-Type"), ", "))
	return err == nil && kind == "application/json"
}
