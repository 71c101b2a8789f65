package main

import (
	"errors"
	"time"

	"github.com/cogtok/cogtok/agent"
)

// leave is never called: see canBecome.
func leave(string, *estate, time.Time, []agent.Parked, []byte) error { return errors.ErrUnsupported }

func inherit(flags) (*agent.Seat, *inheritance, error) { return nil, nil, errors.ErrUnsupported }

func closeInherited() {}

func (hangUps) ignore() {}
func (hangUps) listen() {}
