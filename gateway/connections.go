package main

import (
	"context"
	"sync"

	"google.golang.org/grpc"
)

// mostStreams is how many streams share a connection: no server that can be set up refuses so many
// on one, and each of them would wait without a word for others to end.
const mostStreams = 100

// connections are those to the server, as many as its streams need. Calls that are answered at once
// have the first one to themselves, so that no stream is in their way.
type connections struct {
	*grpc.ClientConn
	open func() (*grpc.ClientConn, error)

	mutex     sync.Mutex
	streaming []*shared
}

// shared is a connection with the number of its streams.
type shared struct {
	conn    *grpc.ClientConn
	streams int
}

// connect opens connections, each when there is a call for it.
func connect(open func() (*grpc.ClientConn, error)) (*connections, error) {
	first, err := open()
	return &connections{ClientConn: first, open: open}, err
}

// NewStream begins a stream on a connection that has room for it.
func (c *connections) NewStream(ctx context.Context, description *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	one, err := c.take()
	if err != nil {
		return nil, err
	}
	ended := grpc.OnFinish(func(error) { c.leave(one) })
	return one.conn.NewStream(ctx, description, method, append(options, ended)...)
}

// Close ends all connections.
func (c *connections) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, one := range c.streaming {
		_ = one.conn.Close()
	}
	return c.ClientConn.Close()
}

// take finds or opens a connection for one more stream.
func (c *connections) take() (*shared, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, one := range c.streaming {
		if one.streams < mostStreams {
			one.streams++
			return one, nil
		}
	}
	conn, err := c.open()
	if err != nil {
		return nil, err
	}
	one := &shared{conn, 1}
	c.streaming = append(c.streaming, one)
	return one, nil
}

// leave frees a stream's place. The connection stays: the library lets it go when it is not used.
func (c *connections) leave(one *shared) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	one.streams--
}
