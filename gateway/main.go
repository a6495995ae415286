// Command myd-gateway offers myd's gRPC service as REST with JSON, as server-sent events, as an
// OpenAPI document with a page to try it, and as a page that shows the jobs live.
//
// Its settings are environment variables:
//
//	MYD_GRPC_ADDRESS       the gRPC server (127.0.0.1:50051)
//	MYD_REST_ADDRESS       where to listen; port 0 takes a free one (127.0.0.1:9090)
//	MYD_REST_HOSTS         names that the gateway answers to, beside its address and those of this machine
//	MYD_REST_ORIGINS       origins whose pages may call, as https://portal.example
//	MYD_REST_ADDRESS_FILE  written with the address in use, which is also printed on stdout
//	MYD_REST_TLS_CERT, MYD_REST_TLS_KEY
//	                       certificate and key to listen with over TLS, in PEM
//	MYD_MAX_CONNECTIONS    callers connected at once; further ones wait (10000)
//	MYD_PLAINTEXT          whether other hosts may be served without TLS (false)
//	MYD_TLS_CA             who signs the server's certificate, in PEM; the server is called over TLS
//	MYD_TLS_SERVER_NAME    the name that it has to be for, if that is not in MYD_GRPC_ADDRESS
//	MYD_REST_CLIENT_CERT, MYD_REST_CLIENT_KEY
//	                       certificate and key that the server is shown
//	MYD_LOG_FORMAT         text or json (text); the log goes to stderr
//	MYD_LOG_LEVEL          DEBUG, INFO, WARNING or ERROR: from where on lines are logged (INFO)
//
// With -stop-with-stdin it ends when its standard input does: whoever started it holds the other
// end, which closes however that process dies. With -server-certificate, the server is called over
// TLS, and has to have the certificate in that file, whoever signed it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
)

// stopGrace is how long calls under way may take to end at a stop; streams are ended at once.
const stopGrace = 5 * time.Second

func main() {
	stopWithStdin := flag.Bool("stop-with-stdin", false, "end when standard input does")
	shownByServer := flag.String("server-certificate", "", "the certificate that the server shows")
	flag.Parse()
	err := configureLog(setting("MYD_LOG_FORMAT", "text"), setting("MYD_LOG_LEVEL", "INFO"))
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if *stopWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	if err == nil {
		err = run(ctx, *shownByServer)
	}
	if err != nil {
		slog.Error(err.Error())
		os.Exit(exitStatus(err))
	}
}

// exitStatus is 2 for a setting that cannot be used, as the server's is.
func exitStatus(err error) int {
	if errors.As(err, new(settingError)) {
		return 2
	}
	return 1
}

// run serves until ctx ends.
func run(ctx context.Context, shownByServer string) error {
	own, err := ownCertificate()
	if err != nil {
		return err
	}
	server, err := toServer(shownByServer)
	if err != nil {
		return err
	}
	target, err := serverAddress()
	if err != nil {
		return err
	}
	behind := &reach{address: target, overTLS: server.isKnown()}
	conn, err := connect(func() (*grpc.ClientConn, error) {
		return dial(ctx, server.credentials(), behind)
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	address := setting("MYD_REST_ADDRESS", "127.0.0.1:9090")
	known, err := readHosts(os.Getenv("MYD_REST_HOSTS"), address)
	if err != nil {
		return err
	}
	allowed, err := readOrigins(os.Getenv("MYD_REST_ORIGINS"))
	if err != nil {
		return err
	}
	handler, err := newHandler(conn, known, allowed)
	if err != nil {
		return err
	}
	public := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(withoutHandshakes{slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn).Writer()}, "", 0),
	}
	if own != nil {
		public.TLSConfig = listening(own)
	}
	listener, err := listen(address, own != nil)
	if err != nil {
		return err
	}
	return serve(ctx, public, listener)
}

// serve answers calls until ctx ends, and then lets those under way end.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	grace, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	} else if err != nil {
		return err
	}
	slog.Info("stopped")
	return nil
}

// listen takes the address and tells which one it is: in the log, on stdout and in the file.
func listen(wanted string, encrypted bool) (net.Listener, error) {
	if !encrypted {
		if err := requireEncryption(wanted); err != nil {
			return nil, err
		}
	}
	most, err := mostConnections()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", wanted)
	if err != nil {
		return nil, fmt.Errorf("MYD_REST_ADDRESS=%s cannot be listened on: %w", wanted, err)
	}
	listener = netutil.LimitListener(listener, most)
	host, _, err := net.SplitHostPort(wanted)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, port)
	slog.Info("listening on " + address)
	if !encrypted && !isLoopback(wanted) {
		slog.Warn(address + " is reachable from other hosts, and is not encrypted")
	}
	fmt.Println(address)
	if file := os.Getenv("MYD_REST_ADDRESS_FILE"); file != "" {
		return listener, writeWhole(file, address+"\n")
	}
	return listener, nil
}

// writeWhole writes a file so that a reader sees all of it or none.
func writeWhole(path, text string) error {
	fresh := fmt.Sprintf("%s.%d", filepath.Clean(path), os.Getpid())
	if err := os.WriteFile(fresh, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// levels are those of MYD_LOG_LEVEL.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}

// configureLog sends the log to stderr, from a level on; JSON lines have the members of the server's.
func configureLog(format, level string) error {
	least, isKnown := levels[strings.ToLower(level)]
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: namedAsByServer}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if strings.EqualFold(format, "json") {
		options.ReplaceAttr = asMemberOfServer
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	slog.SetDefault(slog.New(handler).With("logger", "gateway"))
	if !isKnown {
		return unusable("MYD_LOG_LEVEL", level, "one of INFO, DEBUG, WARNING, ERROR")
	}
	return nil
}

// namedAsByServer has levels be called as they are in MYD_LOG_LEVEL.
func namedAsByServer(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && level == slog.LevelWarn {
		a.Value = slog.StringValue("WARNING")
	}
	return a
}

// asMemberOfServer has a member of a JSON line be as the server's log has it.
func asMemberOfServer(groups []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey:
		return slog.Float64(a.Key, float64(a.Value.Time().UnixMilli())/1000)
	case slog.MessageKey:
		a.Key = "message"
	}
	return namedAsByServer(groups, a)
}
