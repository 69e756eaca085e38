package nexus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/ovasabi/ovasabi/internal/cloudevents"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// usualRequestBytes bounds a body where the dependencies do not say.
	usualRequestBytes = 8 << 20
	// mostBatched bounds the events of one body, as the contract bounds EmitEvents.
	mostBatched = 10_000
	// httpTimeout bounds a request from its body to its answer.
	httpTimeout = time.Minute
)

// Routes offers what is not an RPC: POST /events takes CloudEvents in the binary,
// structured and batched content modes. The campaign is the extension attribute
// campaignid, or the token's only one.
//
// One event is answered by its receipt, in the JSON of the contract's
// EventReceipt, or by an error; a batch by those of EmitEventsResponse, each event
// judged by itself. Both come after the commit.
func (s *Service) Routes() []server.Route {
	return []server.Route{{Pattern: "POST /events", Role: token.Writer, Handler: http.HandlerFunc(s.receive)}}
}

func (s *Service) receive(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), httpTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	mode := cloudevents.ModeOf(r.Header)
	if err := acceptable(r.Header, mode); err != nil {
		server.WriteError(withStatus{w, http.StatusUnsupportedMediaType}, r, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.requestBytes)))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		server.WriteError(withStatus{w, http.StatusRequestEntityTooLarge}, r, fault.New(fault.Limited, "the body must be at most %d bytes: send fewer events in one request", s.requestBytes))
		return
	}
	if err != nil {
		server.WriteError(w, r, fault.New(fault.Invalid, "the body could not be read to its end"))
		return
	}
	answer, err := s.receiveBody(ctx, mode, r.Header, body)
	if err != nil {
		server.WriteError(w, r, err)
		return
	}
	writeMessage(w, answer)
}

// acceptable refuses what cannot be read as events.
func acceptable(h http.Header, mode cloudevents.Mode) error {
	if mode == cloudevents.None {
		return fault.Field("Content-Type", "must be application/cloudevents+json, application/cloudevents-batch+json, or any other type beside the headers ce-specversion, ce-id, ce-type and ce-source")
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fault.Field("Content-Encoding", "must be left out: events are taken uncompressed")
	}
	_, parameters, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if charset := parameters["charset"]; mode != cloudevents.Binary && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fault.Field("Content-Type", "must be UTF-8")
	}
	return nil
}

func (s *Service) receiveBody(ctx context.Context, mode cloudevents.Mode, h http.Header, body []byte) (proto.Message, error) {
	caller, err := token.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var parser cloudevents.Parser
	switch mode {
	case cloudevents.Batched:
		return s.receiveBatch(ctx, caller, &parser, body)
	case cloudevents.Structured:
		e, err := parser.JSON(string(body))
		return s.receiveOne(ctx, cloudDraft(caller, e, err))
	default:
		e, err := cloudevents.FromBinary(h, body)
		return s.receiveOne(ctx, cloudDraft(caller, e, err))
	}
}

func (s *Service) receiveOne(ctx context.Context, d draft) (proto.Message, error) {
	if d.err != nil {
		s.events.figures.refused(1)
		return nil, d.err
	}
	c, err := s.events.process(ctx, []draft{d})
	if err != nil {
		return nil, err
	}
	return c.receipts(0)[0], c.answers[0].err
}

func (s *Service) receiveBatch(ctx context.Context, caller token.Identity, parser *cloudevents.Parser, body []byte) (proto.Message, error) {
	texts, err := cloudevents.Split(body)
	if err != nil {
		return nil, err
	}
	if len(texts) > mostBatched {
		return nil, fault.New(fault.Invalid, "a batch must hold at most %d events, not %d", mostBatched, len(texts))
	}
	all := make([]draft, len(texts))
	for i, text := range texts {
		e, err := parser.JSON(string(text))
		all[i] = cloudDraft(caller, e, err)
	}
	return s.emit(ctx, all)
}

// cloudDraft finds the campaign of an event that was read.
func cloudDraft(caller token.Identity, e cloudevents.Event, err error) draft {
	d := draft{event: e.Event, err: err}
	if err != nil {
		return d
	}
	var requested campaign.ID
	if e.Campaign != "" {
		requested, err = campaign.ParseID(e.Campaign)
	}
	if err == nil {
		d.campaign, err = caller.Campaign(requested.Int64())
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		named := *f
		named.Field = "campaignid"
		d.err = &named
	}
	return d
}

// writeMessage writes a message of the contract as JSON.
func writeMessage(w http.ResponseWriter, m proto.Message) {
	text, err := protojson.Marshal(m)
	var compact bytes.Buffer
	if err == nil {
		err = json.Compact(&compact, text) // protojson adds blanks at random
	}
	if err != nil { // our own messages can be written
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(compact.Bytes()) // a client that went away
}

// withStatus answers an error by a status of HTTP that no code of the API stands for.
type withStatus struct {
	http.ResponseWriter
	status int
}

func (w withStatus) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }
