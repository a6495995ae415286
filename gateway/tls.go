package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// reread is what some files hold, read again whenever they have changed. Files that cannot be used
// leave in force what was there before, and one line in the log.
type reread[T any] struct {
	paths []string
	parse func(contents [][]byte) (T, error)

	mutex  sync.Mutex
	seen   [][]byte
	latest T
}

// read answers the files as they are now; it fails when they cannot be used.
func read[T any](parse func([][]byte) (T, error), paths ...string) (*reread[T], error) {
	files := &reread[T]{paths: paths, parse: parse}
	files.seen = files.contents()
	latest, err := parse(files.seen)
	if err != nil {
		return nil, settingError(fmt.Sprintf("%s cannot be used: %v", files, files.why(err)))
	}
	files.latest = latest
	return files, nil
}

// now is asked at each new connection.
func (r *reread[T]) now() T {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := r.contents()
	if equal(found, r.seen) {
		return r.latest
	}
	r.seen = found // tried once, and told once, until they change again
	latest, err := r.parse(found)
	if err != nil {
		slog.Error("certificates stay those from before: files cannot be used", "files", r.String(), "error", r.why(err))
		return r.latest
	}
	slog.Info("new connections get new certificates", "files", r.String())
	r.latest = latest
	return latest
}

// String names the files.
func (r *reread[T]) String() string { return strings.Join(r.paths, " and ") }

// why is what keeps the files from being used: that one cannot be read, or else what is wrong with
// what they hold.
func (r *reread[T]) why(wrong error) error {
	for _, path := range r.paths {
		if _, err := os.ReadFile(path); err != nil {
			return err
		}
	}
	return wrong
}

// contents has nil for a file that cannot be read.
func (r *reread[T]) contents() [][]byte {
	found := make([][]byte, len(r.paths))
	for i, path := range r.paths {
		found[i], _ = os.ReadFile(path)
	}
	return found
}

func equal(one, other [][]byte) bool {
	for i := range one {
		if !bytes.Equal(one[i], other[i]) {
			return false
		}
	}
	return true
}

func parsePair(contents [][]byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, err // which quotes nothing of a key
	}
	return &pair, checkValidity(pair.Leaf)
}

func parseAuthorities(contents [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(contents[0]) {
		return nil, errors.New("there is no certificate in it")
	}
	return pool, nil
}

func parseLeaf(contents [][]byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(contents[0])
	if block == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return x509.ParseCertificate(block.Bytes)
}

// listening is the gateway's own side: what it shows to those who call it.
func listening(pair *reread[*tls.Certificate]) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.now(), nil },
	}
}

// withoutHandshakes drops what the library logs of each caller that fails to connect over TLS:
// whoever reaches the port must not be able to fill a disk.
type withoutHandshakes struct{ io.Writer }

func (w withoutHandshakes) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		return len(line), nil
	}
	return w.Writer.Write(line)
}

// towards is the side of the server: how the gateway knows it, and what it shows to it.
type towards struct {
	authorities *reread[*x509.CertPool]    // sign the server's certificate
	exactly     *reread[*x509.Certificate] // is the server's certificate
	own         *reread[*tls.Certificate]
	serverName  string

	mutex    sync.Mutex
	previous *x509.Certificate
	current  *x509.Certificate
	told     string
}

// credentials are those for connections to the server, plain where nothing is known of a certificate.
func (t *towards) credentials() credentials.TransportCredentials {
	if !t.isKnown() {
		return insecure.NewCredentials()
	}
	return renewed{credentials.NewTLS(nil), t}
}

// isKnown is whether there is a certificate to know the server by: it is then called over TLS.
func (t *towards) isKnown() bool { return t.authorities != nil || t.exactly != nil }

// config is how the next connection is made.
func (t *towards) config() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.own != nil {
		config.Certificates = []tls.Certificate{*t.own.now()}
	}
	if t.exactly != nil {
		// Not insecure: instead of all that an authority has signed for a name, this takes one
		// certificate, whose key the server has to have.
		config.InsecureSkipVerify = true
		config.VerifyConnection = t.isServer
	} else {
		config.RootCAs = t.authorities.now()
	}
	return config
}

var errAnother = errors.New("this is not the certificate of the server that the gateway was started with")

// isServer takes the certificate in the file, and the one that was there before: the server goes on
// with that until certificate and key have both been replaced.
func (t *towards) isServer(state tls.ConnectionState) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if found := t.exactly.now(); !found.Equal(t.current) {
		t.previous, t.current = t.current, found
	}
	shown := state.PeerCertificates[0]
	if shown.Equal(t.current) || t.previous != nil && shown.Equal(t.previous) {
		return nil
	}
	return errAnother
}

// tell logs why the server is not connected, once until that changes.
func (t *towards) tell(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	before := t.told
	if t.told = ""; err != nil {
		t.told = err.Error()
	}
	if t.told != "" && t.told != before {
		slog.Error("no connection to the server over TLS", "error", err)
	}
}

// renewed makes each connection with the certificates that there are by then.
type renewed struct {
	credentials.TransportCredentials
	towards *towards
}

func (r renewed) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if r.towards.serverName != "" {
		authority = r.towards.serverName
	}
	conn, info, err := credentials.NewTLS(r.towards.config()).ClientHandshake(ctx, authority, raw)
	r.towards.tell(err)
	return conn, info, err
}

func (r renewed) Clone() credentials.TransportCredentials {
	return renewed{r.TransportCredentials.Clone(), r.towards}
}
