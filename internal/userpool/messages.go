package userpool

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// The media of CodeDeliveryDetails and of CODE_DELIVERY_DELIVERY_MEDIUM.
const (
	byEmail = "EMAIL"
	bySMS   = "SMS"
)

// Message is a code that the pool sent.
type Message struct {
	Username    string
	Medium      string // EMAIL or SMS
	Destination string // the whole address or number
	Code        string
	Time        time.Time
}

// Messages returns the messages so far, oldest first.
func (p *Pool) Messages() []Message {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return slices.Clone(p.messages)
}

// LastCode returns the code of the last message to a user, or "".
func (p *Pool) LastCode(name string) (code string) {
	p.change(name, func(u *user) {
		for _, m := range p.messages {
			if m.Username == u.username {
				code = m.Code
			}
		}
	})
	return code
}

// send sends a new code to a user and returns it.
func (p *Pool) send(u *user, medium, destination string, now time.Time) string {
	number, _ := rand.Int(rand.Reader, big.NewInt(1_000_000))
	code := fmt.Sprintf("%06d", number)
	p.messages = append(p.messages, Message{u.username, medium, destination, code, now})
	return code
}

// delivered are the challenge parameters that tell where a code went.
func delivered(medium, destination string) map[string]string {
	return map[string]string{
		"CODE_DELIVERY_DELIVERY_MEDIUM": medium,
		"CODE_DELIVERY_DESTINATION":     mask(medium, destination),
	}
}

// mask shows as much of a destination as Cognito does.
func mask(medium, destination string) string {
	if medium == byEmail {
		return maskEmail(destination)
	}
	return maskPhone(destination)
}

// maskEmail shows the first letters of name and domain: "r***@e***".
func maskEmail(address string) string {
	name, domain, _ := strings.Cut(address, "@")
	return first(name) + "***@" + first(domain) + "***"
}

func first(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

// maskPhone shows the last four digits: "+*******1234".
func maskPhone(phone string) string {
	if len(phone) < 6 {
		return "+****"
	}
	return "+" + strings.Repeat("*", len(phone)-5) + phone[len(phone)-4:]
}

// destination is the attribute that messages of a medium go to, and its value.
func (u *user) destination(medium string) (attribute, value string) {
	attribute = "phone_number"
	if medium == byEmail {
		attribute = "email"
	}
	return attribute, u.attributes[attribute]
}

// verified returns where a medium reaches the user for sure, or "".
func (u *user) verified(medium string) string {
	attribute, value := u.destination(medium)
	if u.attributes[attribute+"_verified"] != "true" {
		return ""
	}
	return value
}
