package demoapi

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/graph-gophers/graphql-go"
)

const schema = `
	type Query {
		"All posts, newest last."
		listPosts: [Post!]!
		"Whom the token belongs to."
		whoami: User!
	}
	type Mutation {
		"Writes a post in the name of whoever the token belongs to."
		createPost(title: String!): Post!
	}
	type Post {
		id: ID!
		title: String!
		author: String!
	}
	type User {
		username: String!
		"Null with an access token, which doesn't carry it."
		email: String
		sub: ID!
	}
`

const (
	maxPosts = 1000
	maxTitle = 200 // characters
)

type post struct {
	ID     graphql.ID
	Title  string
	Author string
}

type person struct {
	Username string
	Email    *string
	Sub      graphql.ID
}

// resolver answers the schema's queries from memory.
type resolver struct {
	mu    sync.Mutex
	posts []post
}

func newResolver() *resolver {
	return &resolver{posts: []post{
		{"1", "Tokens for everything that isn't a browser", "amy"},
		{"2", "What a refresh token is for", "rob"},
	}}
}

// ListPosts resolves listPosts.
func (r *resolver) ListPosts() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posts)
}

// Whoami resolves whoami.
func (r *resolver) Whoami(ctx context.Context) (person, error) {
	who, err := caller(ctx)
	if err != nil {
		return person{}, err
	}
	p := person{Username: who.Username, Sub: graphql.ID(who.Subject)}
	if who.Email != "" {
		p.Email = &who.Email
	}
	return p, nil
}

// CreatePost resolves createPost.
func (r *resolver) CreatePost(ctx context.Context, args struct{ Title string }) (post, error) {
	who, err := caller(ctx)
	if err != nil {
		return post{}, err
	}
	title := strings.TrimSpace(args.Title)
	if title == "" || len([]rune(title)) > maxTitle {
		return post{}, errors.New("title must have 1 to 200 characters")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.posts) >= maxPosts {
		return post{}, errors.New("no room for more posts")
	}
	p := post{ID: graphql.ID(strconv.Itoa(len(r.posts) + 1)), Title: title, Author: who.Username}
	r.posts = append(r.posts, p)
	return p, nil
}

type callerKey struct{}

func withCaller(ctx context.Context, who claims) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

func caller(ctx context.Context) (claims, error) {
	who, ok := ctx.Value(callerKey{}).(claims)
	if !ok {
		return claims{}, errors.New("nobody is signed in")
	}
	return who, nil
}
