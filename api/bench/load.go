package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests from some clients, each on a connection of its own, as fast as they are answered. next gives the bytes of
// each request, and nil when there are no more. Anything but an answer of 2xx ends it. The client is as bare as can be, because it
// shares the machine with what it measures.
func load(ctx context.Context, address string, clients int, window time.Duration, next func(client int) []byte) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	took := make([][]time.Duration, clients)
	failed := make([]error, clients)
	start := time.Now()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { took[i], failed[i] = client(ctx, address, func() []byte { return next(i) }) })
	}
	all.Wait()
	spent := time.Since(start)
	return summed(slices.Concat(took...), spent), errors.Join(failed...)
}

func client(ctx context.Context, address string, next func() []byte) (took []time.Duration, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	read := bufio.NewReaderSize(conn, 64<<10)
	for ctx.Err() == nil {
		request := next()
		if request == nil {
			return took, nil
		}
		start := time.Now()
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		if _, err := answer(read, false); err != nil {
			return took, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// answer reads one answer. One of more than 2xx is an error that shows it.
func answer(read *bufio.Reader, wantBody bool) (body []byte, err error) {
	line, err := read.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	good := bytes.HasPrefix(line, []byte("HTTP/1.1 2"))
	status, length, chunked := string(line), 0, false
	for {
		line, err := read.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	if chunked {
		body, err = readChunks(read)
	} else if good && !wantBody {
		_, err = read.Discard(length)
	} else {
		body = make([]byte, length)
		_, err = io.ReadFull(read, body)
	}
	if err == nil && !good {
		err = fmt.Errorf("%s%s", status, body)
	}
	return body, err
}

func readChunks(read *bufio.Reader) (body []byte, err error) {
	for {
		line, err := read.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return nil, err
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(read, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk[:n]...)
		if n == 0 {
			return body, nil
		}
	}
}

func summed(took []time.Duration, spent time.Duration) figures {
	if len(took) == 0 {
		return figures{}
	}
	slices.Sort(took)
	return figures{PerSecond: float64(len(took)) / spent.Seconds(), P50: percentile(took, 0.5), P99: percentile(took, 0.99)}
}

// percentile is in milliseconds; the durations are sorted.
func percentile(sorted []time.Duration, share float64) float64 {
	return float64(sorted[min(len(sorted)-1, int(float64(len(sorted))*share))].Nanoseconds()) / 1e6
}

// ask is one request, for what is prepared and not measured.
func ask(ctx context.Context, address string, request []byte) ([]byte, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	return answer(bufio.NewReader(conn), true)
}

// get is a request with a key.
func get(path, key string) []byte {
	return fmt.Appendf(nil, "GET /api/v1%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path, key)
}

// post is a request without a key.
func post(path string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST /api/v1%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", path, len(body)), body...)
}

// inTurn gives requests one after the other, over and over, to many clients.
func inTurn(requests [][]byte) func(int) []byte {
	var n atomic.Int64
	return func(int) []byte { return requests[int(n.Add(1))%len(requests)] }
}
