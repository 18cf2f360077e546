package ordersync

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// A message is kept as it came, byte for byte, but packed: a webhook of Wix is JSON in JSON in JSON in base64, of which a fifth is left. The first byte says how, and is
// none that a message begins with, so that what was kept before there was packing is told from it.
const (
	packedPlain byte = 1 // all of it, compressed
	packedToken byte = 2 // a JWT: how long its header and its signature are, the signature, and, compressed, the header and the claims without their base64
)

// maxUnpacked is more than any message has that is let in, in bytes.
const maxUnpacked = 16 << 20

// packer packs and unpacks messages, for many at once.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newPacker() packer {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // our own options
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return packer{encoder, decoder}
}

// pack makes a message small. It comes before sealing: what is sealed looks like noise.
func (p packer) pack(body []byte) []byte {
	header, claims, signature, ok := splitToken(body)
	if !ok {
		return p.encoder.EncodeAll(body, []byte{packedPlain})
	}
	out := []byte{packedToken}
	out = binary.AppendUvarint(out, uint64(len(header)))
	out = binary.AppendUvarint(out, uint64(len(signature)))
	out = append(out, signature...)
	return p.encoder.EncodeAll(append(header, claims...), out)
}

// unpack gives a message as it came.
func (p packer) unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return packed, nil
	}
	switch rest := packed[1:]; packed[0] {
	case packedPlain:
		return p.decoder.DecodeAll(rest, nil)
	case packedToken:
		header, n := binary.Uvarint(rest)
		rest = rest[max(n, 0):]
		signature, k := binary.Uvarint(rest)
		rest = rest[max(k, 0):]
		if n <= 0 || k <= 0 || signature > uint64(len(rest)) {
			return nil, errors.New("unpack a message: it is cut off")
		}
		said, err := p.decoder.DecodeAll(rest[signature:], nil)
		if err != nil || header > uint64(len(said)) {
			return nil, fmt.Errorf("unpack a message: %w", errors.Join(err, errors.New("it is not whole")))
		}
		return joinToken(said[:header], said[header:], rest[:signature]), nil
	}
	return packed, nil
}

// splitToken takes a JWT apart, if putting its parts together again gives the same bytes.
func splitToken(body []byte) (header, claims, signature []byte, ok bool) {
	parts := bytes.SplitN(body, []byte{'.'}, 4)
	if len(parts) != 3 {
		return nil, nil, nil, false
	}
	for i, into := range []*[]byte{&header, &claims, &signature} {
		var err error
		if *into, err = base64.RawURLEncoding.Strict().AppendDecode(nil, parts[i]); err != nil {
			return nil, nil, nil, false
		}
	}
	return header, claims, signature, bytes.Equal(joinToken(header, claims, signature), body)
}

func joinToken(header, claims, signature []byte) []byte {
	var out []byte
	for i, part := range [][]byte{header, claims, signature} {
		if i > 0 {
			out = append(out, '.')
		}
		out = base64.RawURLEncoding.AppendEncode(out, part)
	}
	return out
}
