package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// setting is an environment variable; one that is set to nothing counts as not set.
func setting(name, value string) string {
	if text := strings.TrimSpace(os.Getenv(name)); text != "" {
		return text
	}
	return value
}

// serverAddress is where the gRPC server is called. The library would take 443 for a port that is
// missing, and anything for a name.
func serverAddress() (string, error) {
	address := setting("MYD_GRPC_ADDRESS", "127.0.0.1:50051")
	host, port, err := net.SplitHostPort(address)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 || host == "" || strings.Contains(host, "/") {
		return "", settingError(fmt.Sprintf("MYD_GRPC_ADDRESS=%q cannot be used: it must be host:port, such as 127.0.0.1:50051", address))
	}
	return address, nil
}

// ownCertificate is what the gateway listens with; nil without TLS.
func ownCertificate() (*reread[*tls.Certificate], error) {
	return pairOf("MYD_REST_TLS_CERT", "MYD_REST_TLS_KEY")
}

// mostConnections is how many callers may be connected, as at the server; further ones wait until others go.
func mostConnections() (int, error) {
	text := setting("MYD_MAX_CONNECTIONS", "10000")
	most, err := strconv.Atoi(text)
	if err != nil || most < 1 || most > 1_000_000 {
		return 0, unusable("MYD_MAX_CONNECTIONS", text, "a whole number from 1 to 1000000")
	}
	return most, nil
}

// toServer is how the gateway knows the server: by the very certificate that a server beside it was
// started with, or else by who has signed it.
func toServer(shownByServer string) (*towards, error) {
	t := &towards{serverName: setting("MYD_TLS_SERVER_NAME", "")}
	var err error
	if t.own, err = pairOf("MYD_REST_CLIENT_CERT", "MYD_REST_CLIENT_KEY"); err != nil {
		return nil, err
	}
	if shownByServer != "" {
		if t.exactly, err = read(parseLeaf, shownByServer); err == nil {
			t.current = t.exactly.now()
		}
	} else if file := setting("MYD_TLS_CA", ""); file != "" {
		t.authorities, err = read(parseAuthorities, file)
	} else if t.own != nil {
		err = settingError("MYD_REST_CLIENT_CERT needs MYD_TLS_CA: certificates are shown over TLS")
	}
	return t, err
}

func pairOf(certificate, key string) (*reread[*tls.Certificate], error) {
	files := []string{setting(certificate, ""), setting(key, "")}
	switch {
	case files[0] == "" && files[1] == "":
		return nil, nil
	case files[0] == "" || files[1] == "":
		return nil, settingError(fmt.Sprintf("set both %s and %s, or neither", certificate, key))
	}
	pair, err := read(parsePair, files...)
	if err == nil {
		warnIfOpen(files[1])
	}
	return pair, err
}

func warnIfOpen(key string) {
	if found, err := os.Stat(key); err == nil && found.Mode().Perm()&0o006 != 0 {
		slog.Warn("everybody on this machine can read the key " + key + ": chmod o= it")
	}
}

func checkValidity(leaf *x509.Certificate) error {
	now := time.Now()
	if now.After(leaf.NotAfter) {
		return errors.New("the certificate has expired; renew it")
	}
	if now.Before(leaf.NotBefore) {
		return errors.New("the certificate is not valid yet; look at the clock of this machine")
	}
	return nil
}

// requireEncryption refuses to serve other hosts where all could read along.
func requireEncryption(address string) error {
	allowed := strings.ToLower(setting("MYD_PLAINTEXT", "false"))
	if isLoopback(address) || strings.Contains(" 1 true on yes ", " "+allowed+" ") {
		return nil
	}
	return settingError(fmt.Sprintf("MYD_REST_ADDRESS=%s is reachable from other hosts, and is not encrypted: set "+
		"MYD_REST_TLS_CERT and MYD_REST_TLS_KEY, or take a loopback address such as 127.0.0.1:9090; in a network "+
		"that nobody else can listen to, MYD_PLAINTEXT=true allows it", address))
}

// isLoopback answers as the server does: of names, only localhost is certain.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
