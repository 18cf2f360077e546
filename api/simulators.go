package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"waybill/services/aliexpress/aliexpresssim"
	"waybill/services/wix/wixsim"
)

// This file, demo.go and demo_shop.go are the only importers of the simulators outside tests.

// simulators are both platforms on loopback.
type simulators struct {
	wix        *wixsim.Server
	aliexpress *aliexpresssim.Server
	wixURL     string
	aliURL     string
	servers    []*http.Server
}

// startSimulators listens on two loopback addresses. It refuses any other: the control API has no lock.
func startSimulators(ctx context.Context, wixAddress, aliAddress string, wix wixsim.Options, ali aliexpresssim.Options) (*simulators, error) {
	s := &simulators{wix: wixsim.New(wix), aliexpress: aliexpresssim.New(ali)}
	var err error
	if s.wixURL, err = s.listen(ctx, wixAddress, s.wix); err == nil {
		s.aliURL, err = s.listen(ctx, aliAddress, s.aliexpress)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *simulators) listen(ctx context.Context, address string, h http.Handler) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("simulator address %q: %w", address, err)
	}
	if !isLoopback(host) {
		return "", fmt.Errorf("simulator address %q: simulators listen on loopback only, such as 127.0.0.1:8091", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("simulator: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // ends with Close
	return "http://" + l.Addr().String(), nil
}

func (s *simulators) stop() {
	s.wix.Close()
	s.aliexpress.Close()
	for _, server := range s.servers {
		_ = server.Close()
	}
}

// introduction is what another client needs to talk to the simulators. base_url replaces https://www.wixapis.com and
// https://api-sg.aliexpress.com.
type introduction struct {
	Wix struct {
		BaseURL string `json:"base_url"`
		wixsim.Info
	} `json:"wix"`
	AliExpress struct {
		BaseURL string `json:"base_url"`
		aliexpresssim.Info
	} `json:"aliexpress"`
}

func (s *simulators) introduce(out io.Writer) error {
	var i introduction
	i.Wix.BaseURL, i.Wix.Info = s.wixURL, s.wix.Info()
	i.AliExpress.BaseURL, i.AliExpress.Info = s.aliURL, s.aliexpress.Info()
	return json.NewEncoder(out).Encode(i)
}

func simulate(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(errOut)
	wixAddress := flags.String("wix", "127.0.0.1:0", "loopback address of the Wix simulator; port 0 for any")
	aliAddress := flags.String("aliexpress", "127.0.0.1:0", "loopback address of the AliExpress simulator; port 0 for any")
	webhooks := flags.String("wix-webhooks", "", "URL that gets Wix's webhooks")
	pushes := flags.String("aliexpress-pushes", "", "URL that gets AliExpress' push messages")
	readable := flags.Duration("readable-after", 10*time.Second, "how long AliExpress hides a new order from reads")
	if err := flags.Parse(args); err != nil {
		return onlyHelp(err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("simulate does not know %q", flags.Arg(0))
	}
	s, err := startSimulators(ctx, *wixAddress, *aliAddress, wixsim.Options{WebhookURL: *webhooks}, aliexpresssim.Options{PushURL: *pushes, ReadableAfter: orNone(*readable)})
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.introduce(out); err != nil {
		return errors.Join(errors.New("print what clients need"), err)
	}
	<-ctx.Done()
	return nil
}

// orNone turns "no time" into the simulator's word for it.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
