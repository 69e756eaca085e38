package server

import (
	"maps"
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// routes puts everything on one mux. It refuses a service of which a procedure has no access.
func (s *Server) routes(more []Route) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("/login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	if err := s.describe(mux); err != nil {
		return nil, err
	}
	for _, route := range more {
		handler := s.protect(route)
		if route.Stream {
			handler = limitTime(0, handler)
		}
		mux.Handle(route.Pattern, handler)
	}
	names := make([]string, 0, len(s.services))
	access := map[string]token.Access{}
	streams := map[string]bool{}
	for _, service := range s.services {
		if err := procedures(service, streams); err != nil {
			return nil, err
		}
		maps.Copy(access, service.Access)
		names = append(names, service.Name)
	}
	for _, v := range []string{"v1", "v1alpha"} {
		procedure := "/grpc.reflection." + v + ".ServerReflection/ServerReflectionInfo"
		access[procedure] = token.Access{Role: token.Reader, ByService: true}
		streams[procedure] = true
	}
	streams["/grpc.health.v1.Health/Watch"] = true

	options := s.handlerOptions(access)
	for _, service := range s.services {
		mux.Handle(service.Handler(options...))
	}
	reflector := grpcreflect.NewStaticReflector(names...)
	mux.Handle(grpcreflect.NewHandlerV1(reflector, options...))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, options...))
	mux.Handle(grpchealth.NewHandler(grpcHealth{s}, connect.WithReadMaxBytes(4<<10)))
	mux.HandleFunc("/", notFound)

	unary := limitTime(s.config.RequestTimeout, s.limitBody(mux))
	timed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streams[r.URL.Path] {
			limitTime(0, mux).ServeHTTP(w, r)
			return
		}
		unary.ServeHTTP(w, r)
	})
	return s.counted(withRequestID(s.logged(cors(s.config.CORSOrigins, timed)))), nil
}

// envelope is what a message may have around it: gRPC's five bytes, and some room.
const envelope = 1 << 10

// limitBody stops reading a request of one message where it is too large. Connect
// by itself reads what follows to its end, only to tell how large it was.
func (s *Server) limitBody(next http.Handler) http.Handler {
	most := int64(s.config.MaxRequestBytes) + envelope
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		next.ServeHTTP(w, r)
	})
}

// handlerOptions are what every procedure is made with.
func (s *Server) handlerOptions(access map[string]token.Access) []connect.HandlerOption {
	interceptors := []connect.Interceptor{calls{s, access}}
	if s.tracing != nil {
		interceptors = append([]connect.Interceptor{s.tracing}, interceptors...)
	}
	return []connect.HandlerOption{
		connect.WithRequestGate(s.gate(access)),
		connect.WithInterceptors(interceptors...),
		connect.WithReadMaxBytes(s.config.MaxRequestBytes),
		connect.WithCodec(strictJSON{}),
		// Below this, compressing costs more than it saves on any network near a
		// server: gzip of 2 KiB took as long as the whole database call.
		connect.WithCompressMinBytes(32 << 10),
	}
}

// procedures notes which procedures of the service are streams.
func procedures(service Service, streams map[string]bool) error {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.Name))
	descriptor, ok := found.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return fault.New(fault.Internal, "there is no service %s in the contracts", service.Name)
	}
	methods := descriptor.Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		procedure := "/" + service.Name + "/" + string(m.Name())
		if !service.Access[procedure].Role.Valid() {
			return fault.New(fault.Internal, "nothing says who may call %s", procedure)
		}
		if m.IsStreamingClient() || m.IsStreamingServer() {
			streams[procedure] = true
		}
	}
	return nil
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, fault.New(fault.NotFound, "there is nothing at this path: /docs lists what there is"))
}
