package people

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/trustelem/zxcvbn"

	"waybill/models"
	"waybill/services/database"
)

const (
	// hashesAtOnce bounds the memory: each hash takes 47 MB for about 50 ms.
	hashesAtOnce = 4
	// hashWait is how long a request waits for its turn.
	hashWait = 3 * time.Second
	// The shortest password, in characters, and the longest, in bytes.
	minPassword, maxPassword = 10, 256
	// strongEnough is zxcvbn's "safely unguessable": about 10^10 guesses.
	strongEnough = 3
)

// hash hashes a password with argon2id, 46 MiB (ASVS 5.0, appendix C).
func (s *Service) hash(ctx context.Context, password string) (hash string, err error) {
	err = s.inTurn(ctx, func() error {
		hash, err = argon2id.CreateHash(password, &argon2id.Params{Memory: 47 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		return err
	})
	return hash, err
}

// matches compares a password with a hash. It takes as long for an empty hash, which nothing matches.
func (s *Service) matches(ctx context.Context, password, hash string) (same bool, err error) {
	none := hash == ""
	if none {
		hash = s.nobody
	}
	err = s.inTurn(ctx, func() error {
		same, err = argon2id.ComparePasswordAndHash(password, hash)
		return err
	})
	return same && !none, err
}

// inTurn runs what takes much memory, a few at once; it answers Unavailable when its turn does not come.
func (s *Service) inTurn(ctx context.Context, do func() error) error {
	wait, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return do()
	case <-wait.Done():
		e := models.Errorf(models.Unavailable, "too_many_sign_ins", "Too many people sign in at this moment. Try again in a few seconds.")
		e.RetryAfter = hashWait
		return e
	}
}

// checkPassword refuses passwords that are short, that a guesser would try early, or that were stolen elsewhere; about are words that belong to
// the person.
func (s *Service) checkPassword(password, pointer string, about ...string) error {
	stolen, err := s.Stolen.has(password)
	if err != nil {
		return err
	}
	var reason string
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		reason = fmt.Sprintf("must have at least %d characters", minPassword)
	case len(password) > maxPassword:
		reason = fmt.Sprintf("must have at most %d bytes", maxPassword)
	case zxcvbn.PasswordStrength(firstOf(password, 100), append(about, "waybill")).Score < strongEnough:
		reason = "is too easy to guess: take four random words, or what a password manager makes"
	case stolen:
		reason = "was stolen somewhere else and is tried first by whoever guesses: take another"
	default:
		return nil
	}
	e := models.Errorf(models.Invalid, "password_weak", "This password cannot be used.")
	e.Fields = []models.FieldError{{Pointer: pointer, Reason: reason}}
	return e
}

// firstOf keeps the strength meter, whose time grows with the square, from being given a book.
func firstOf(text string, n int) string { return text[:min(n, len(text))] }

// ChangePassword replaces a person's password, who shows that he knows the present one, and ends all his other sessions.
func (s *Service) ChangePassword(ctx context.Context, of Session, present, next string) (Opened, error) {
	p, err := s.prove(ctx, of, present, "/current")
	if err != nil {
		return Opened{}, err
	}
	if err := s.checkPassword(next, "/new", p.Email, p.Name); err != nil {
		return Opened{}, err
	}
	hash, err := s.hash(ctx, next)
	if err != nil {
		return Opened{}, err
	}
	err = s.account(ctx, p.Actor(), models.ActPasswordChanged, p.ID, nil, func(tx database.Tx) error { return setPassword(tx, p.ID, hash) })
	if err != nil {
		return Opened{}, err
	}
	return s.renew(ctx, of)
}

// setPassword stores a password's hash and ends what was opened with the one before: sessions and links.
func setPassword(tx database.Tx, person models.ID, hash string) error {
	if err := tx.Exec("UPDATE people SET password_hash = ? WHERE id = ?", hash, person).Error; err != nil {
		return err
	}
	if err := tx.Exec("DELETE FROM one_time_tokens WHERE person_id = ? AND kind <> 'invitation'", person).Error; err != nil {
		return err
	}
	return tx.Exec("DELETE FROM sessions WHERE person_id = ?", person).Error
}

// prove has a signed-in person show his password again before something that a stolen session must not do.
func (s *Service) prove(ctx context.Context, of Session, password, pointer string) (models.Person, error) {
	p, err := s.person(ctx, of.PersonID)
	if err != nil {
		return p, err
	}
	if err := s.Try(ctx, TriesOfPerson, string(p.ID)); err != nil {
		return p, err
	}
	same, err := s.matches(ctx, password, p.PasswordHash)
	if err != nil {
		return p, err
	}
	if !same {
		e := models.Errorf(models.Invalid, "password_wrong", "This is not your password.")
		e.Fields = []models.FieldError{{Pointer: pointer, Reason: "is not your present password"}}
		return p, e
	}
	return p, s.Forgive(ctx, TriesOfPerson, string(p.ID))
}
