package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const healthPath = "/healthz"

var (
	hostForm   = regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)
	errMistake = &runtime.HTTPStatusError{
		HTTPStatus: http.StatusMisdirectedRequest,
		Err: status.Error(codes.InvalidArgument, "the gateway does not answer by the host name that was called: "+
			"MYD_REST_HOSTS has to name it"),
	}
)

// hosts are names by which the gateway may be called, with a port or for all ports. Whoever owns
// another name can have it lead here after a browser has loaded a page under it (DNS rebinding). To the
// browser, the gateway is then of that page's own site; nothing but the header Host tells.
type hosts map[string]bool

// readHosts reads MYD_REST_HOSTS, and adds the host of the address that is listened on.
func readHosts(text, address string) (hosts, error) {
	known := hosts{"localhost": true}
	if host, _, err := net.SplitHostPort(address); err == nil {
		known[strings.ToLower(host)] = true
	}
	for _, one := range listed(strings.ToLower(text)) {
		if !hostForm.MatchString(one) {
			return nil, unusable("MYD_REST_HOSTS", one, "a host with or without a port, such as myd.example:9090")
		}
		if name, port := apart(one); port == "" {
			known[name] = true
		} else {
			known[net.JoinHostPort(name, port)] = true
		}
	}
	return known, nil
}

// check refuses a call by a name that is not known. Health is told under any: probes call a pod by an
// address of theirs, and a page that has it read learns no more than that something serves.
func (h hosts) check(_ http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == healthPath || h.know(r) {
		return nil
	}
	return errMistake
}

func (h hosts) know(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	if !hostForm.MatchString(host) {
		return false
	}
	name, port := apart(host)
	if address, err := netip.ParseAddr(name); err == nil && (address.IsLoopback() || address == calledAt(r)) {
		return true
	}
	if port == "" { // which callers leave out where it is the usual one
		return h[name] || h[net.JoinHostPort(name, "80")] || h[net.JoinHostPort(name, "443")]
	}
	return h[name] || h[net.JoinHostPort(name, port)]
}

// calledAt is the address of this machine at which a call has arrived.
func calledAt(r *http.Request) netip.Addr {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return local.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// apart takes a host apart that has the right form; the port is "" where there is none.
func apart(host string) (name, port string) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return strings.Trim(host, "[]"), ""
	}
	return name, port
}

// listed are the members of a setting with commas between them.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
}

// settingError says what a setting must be.
type settingError string

func (e settingError) Error() string { return string(e) }

func unusable(name, value, wanted string) error {
	return settingError(fmt.Sprintf("%s=%q cannot be used: it must be %s", name, value, wanted))
}
