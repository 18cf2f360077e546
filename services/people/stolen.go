package people

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the list is made with it; it guards nothing
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// StolenPasswords is a file with the SHA-1 of passwords that were stolen elsewhere, as haveibeenpwned.com gives it: lines HASH:count, sorted
// by hash. It has some 40 GB, so it is searched where it lies; it may be replaced meanwhile. Without a name nothing is known as stolen.
type StolenPasswords string

const (
	hashDigits = 2 * sha1.Size
	// longestLine is longer than any hash with its count and the end of its line.
	longestLine = 80
	// looks is how many places of the file Check looks at.
	looks = 64
)

// Check says why the file cannot be used.
func (f StolenPasswords) Check() error {
	if f == "" {
		return nil
	}
	file, size, err := f.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var before string
	for i := range int64(looks) {
		start, hash, _, err := lineAt(file, i*size/looks)
		switch {
		case err != nil:
			return err
		case start < size && hash < before:
			return errors.New("is not sorted by hash")
		case start < size:
			before = hash
		}
	}
	if before == "" {
		return errors.New("is empty")
	}
	return nil
}

// has reports whether a password is in the list.
func (f StolenPasswords) has(password string) (bool, error) {
	if f == "" {
		return false, nil
	}
	file, size, err := f.open()
	if err != nil {
		return false, fmt.Errorf("open the stolen passwords: %w", err)
	}
	defer func() { _ = file.Close() }()
	sum := sha1.Sum([]byte(password)) //nolint:gosec // as above
	want := string(bytes.ToUpper(hex.AppendEncode(nil, sum[:])))
	for low, high := int64(0), size; low < high; { // if it is there, its line begins in between
		middle := low + (high-low)/2
		start, hash, next, err := lineAt(file, middle)
		switch {
		case err != nil:
			return false, fmt.Errorf("the stolen passwords: %w", err)
		case start >= high || hash > want:
			high = middle
		case hash < want:
			low = next
		default:
			return true, nil
		}
	}
	return false, nil
}

func (f StolenPasswords) open() (*os.File, int64, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// lineAt reads the first line that begins at a place or after it: where it begins, its hash, and where the next one begins. At the end of the file
// it begins there and has no hash.
func lineAt(file io.ReaderAt, at int64) (start int64, hash string, next int64, err error) {
	raw := make([]byte, 2*longestLine)
	start = max(at-1, 0) // a line begins here if the byte before ends one
	n, err := file.ReadAt(raw, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, "", 0, err
	}
	raw = raw[:n]
	if at > 0 {
		before, _, _ := bytes.Cut(raw, []byte("\n"))
		skipped := min(len(before)+1, len(raw))
		raw, start = raw[skipped:], start+int64(skipped)
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	if len(raw) == 0 && n < 2*longestLine {
		return start, "", start, nil
	}
	digits, _, _ := bytes.Cut(line, []byte(":"))
	digits = bytes.ToUpper(bytes.TrimSpace(digits))
	if _, err := hex.Decode(make([]byte, len(digits)), digits); err != nil || len(digits) != hashDigits || len(line) > longestLine {
		return 0, "", 0, fmt.Errorf("is not a list of SHA-1 hashes with their counts: look at byte %d", start)
	}
	return start, string(digits), start + int64(len(line)) + 1, nil
}
