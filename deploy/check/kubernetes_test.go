package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/cloudnative-pg/cloudnative-pg/pkg/versions" // pins the module whose definitions are read
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	netvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifest is one object, as kustomize gives it to kubectl.
type manifest struct {
	text   []byte
	object map[string]any
}

func (m manifest) kind() string { return fmt.Sprint(m.object["kind"]) }

func (m manifest) name() string {
	return m.kind() + "/" + fmt.Sprint(m.object["metadata"].(map[string]any)["name"])
}

// built is what `kubectl apply -k deploy` sends.
func built(t *testing.T) []manifest {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	var list []manifest
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		m := manifest{text: text}
		m.object = decoded(t, text)
		list = append(list, m)
	}
	return list
}

// decoded reads as the API server does: whole numbers stay whole.
func decoded(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(asJSON, &object))
	return object
}

// typed reads a file into the Go type that its server reads it into; a field that is not there is an error.
func typed[T any](t *testing.T, m manifest) T {
	t.Helper()
	var object T
	require.NoError(t, yaml.UnmarshalStrict(m.text, &object), m.name())
	return object
}

// What the API server does with an object of its own: decode strictly, default, validate.
func validateBuiltIn(t *testing.T, text []byte) field.ErrorList {
	t.Helper()
	codecs := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	object, _, err := codecs.UniversalDecoder().Decode(text, nil, nil)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	switch o := object.(type) {
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.Secret:
		return corevalidation.ValidateSecret(o)
	case *core.Service:
		return corevalidation.ValidateServiceCreate(o)
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, corevalidation.PodValidationOptions{})
	case *batch.Job:
		// The server gives a Job its selector.
		o.UID = "00000000-0000-0000-0000-000000000000"
		o.Spec.Selector = &meta.LabelSelector{MatchLabels: map[string]string{batch.ControllerUidLabel: string(o.UID)}}
		for name, value := range map[string]string{
			batch.ControllerUidLabel: string(o.UID), batch.LegacyControllerUidLabel: string(o.UID),
			batch.JobNameLabel: o.Name, batch.LegacyJobNameLabel: o.Name,
		} {
			o.Spec.Template.Labels[name] = value
		}
		return batchvalidation.ValidateJobCreate(o, batchvalidation.JobValidationOptions{RequirePrefixedLabels: true})
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		return netvalidation.ValidateNetworkPolicy(o, netvalidation.NetworkPolicyValidationOptions{})
	default:
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("nobody validates a %T here", object))}
	}
}

// definitions are those of CloudNativePG, out of the release that go.mod names.
func definitions(t *testing.T) map[string]*extensions.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleDir(t, "github.com/cloudnative-pg/cloudnative-pg"), "config", "crd", "bases", "*.yaml"))
	require.NoError(t, err)
	all := map[string]*extensions.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		d := new(extensions.CustomResourceDefinition)
		require.NoError(t, yaml.UnmarshalStrict(text, d))
		all[d.Spec.Names.Kind] = d
	}
	require.Contains(t, all, "Cluster")
	require.Contains(t, all, "Pooler")
	return all
}

// What the API server does with an object of a definition: unknown fields, schema, rules in CEL.
func validateDefined(t *testing.T, d *extensions.CustomResourceDefinition, object map[string]any) (errs field.ErrorList) {
	t.Helper()
	internal := new(apiextensions.JSONSchemaProps)
	require.NoError(t, extensions.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(d.Spec.Versions[0].Schema.OpenAPIV3Schema, internal, nil))
	structural, err := schema.NewStructural(internal)
	require.NoError(t, err)
	object = runtime.DeepCopyJSON(object)
	for _, path := range pruning.PruneWithOptions(object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		errs = append(errs, field.Forbidden(field.NewPath(path), "unknown field"))
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	require.NoError(t, err)
	errs = append(errs, validation.ValidateCustomResource(nil, object, validator)...)
	rules, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).
		Validate(context.Background(), nil, structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, rules...)
}

// What applying deploy would send is what the API server and its extensions take.
func TestKubernetesWouldTakeEveryObject(t *testing.T) {
	defined := definitions(t)
	seen := map[string]int{}
	for _, m := range built(t) {
		seen[m.kind()]++
		t.Run(m.name(), func(t *testing.T) {
			require.Contains(t, []any{"ovasabi", nil}, m.object["metadata"].(map[string]any)["namespace"])
			switch group, _, _ := strings.Cut(fmt.Sprint(m.object["apiVersion"]), "/"); {
			case group == "postgresql.cnpg.io":
				require.Empty(t, validateDefined(t, defined[m.kind()], m.object))
			case m.kind() == "ServiceMonitor":
				typed[monitoring.ServiceMonitor](t, m)
			case m.kind() == "PrometheusRule":
				typed[monitoring.PrometheusRule](t, m)
			default:
				require.Empty(t, validateBuiltIn(t, m.text))
			}
		})
	}
	for _, kind := range []string{
		"Namespace", "Cluster", "Pooler", "Job", "Deployment", "PodDisruptionBudget", "Service",
		"NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ConfigMap",
	} {
		require.NotZero(t, seen[kind], kind)
	}
}

// A check that lets everything through would be worse than none.
func TestWhatKubernetesWouldRefuseIsRefused(t *testing.T) {
	defined := definitions(t)
	for name, change := range map[string]struct{ kind, old, new, want string }{
		"a field that is not there":   {"Deployment", "readinessProbe:", "readynessProbe:", "readynessProbe"},
		"a port that is not named":    {"Deployment", "name: api", "name: api_port", "api_port"},
		"labels that are not matched": {"Deployment", "matchLabels:\n      app.kubernetes.io/name: ovasabi", "matchLabels:\n      app.kubernetes.io/name: other", "selector"},
		"a restart policy":            {"Job", "restartPolicy: OnFailure", "restartPolicy: Always", "restartPolicy"},
		"a cluster without storage":   {"Cluster", "size: 50Gi", "sice: 50Gi", "sice"},
		"no instances":                {"Cluster", "instances: 3", "instances: 0", "instances"},
		"a mode that is none":         {"Pooler", "poolMode: transaction", "poolMode: often", "poolMode"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range built(t) {
				if m.kind() != change.kind {
					continue
				}
				text := strings.Replace(string(m.text), change.old, change.new, 1)
				require.NotEqual(t, string(m.text), text)
				var errs field.ErrorList
				if d := defined[m.kind()]; d != nil {
					errs = validateDefined(t, d, decoded(t, []byte(text)))
				} else {
					errs = validateBuiltIn(t, []byte(text))
				}
				require.Contains(t, errs.ToAggregate().Error(), change.want)
				return
			}
			t.Fatal("no " + change.kind)
		})
	}
}

// Pods run as the namespace's Pod Security profile "restricted" asks, and with probes and bounds.
func TestPodsAreRestrictedAndBounded(t *testing.T) {
	codecs := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	pods := map[string]core.PodSpec{}
	for _, m := range built(t) {
		switch m.kind() {
		case "Deployment", "Job":
			object, _, err := codecs.UniversalDecoder().Decode(m.text, nil, nil)
			require.NoError(t, err)
			switch o := object.(type) {
			case *apps.Deployment:
				pods[m.name()] = o.Spec.Template.Spec
				c := o.Spec.Template.Spec.Containers[0]
				if len(c.Ports) == 0 {
					continue // it listens nowhere
				}
				require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
				require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
				require.NotNil(t, c.StartupProbe)
			case *batch.Job:
				pods[m.name()] = o.Spec.Template.Spec
			}
		}
	}
	require.Len(t, pods, 3)
	for name, p := range pods {
		require.Equal(t, ptr.To(true), p.SecurityContext.RunAsNonRoot, name)
		require.Equal(t, core.SeccompProfileTypeRuntimeDefault, p.SecurityContext.SeccompProfile.Type, name)
		require.Equal(t, ptr.To(false), p.AutomountServiceAccountToken, name)
		for _, c := range p.Containers {
			require.Equal(t, ptr.To(false), c.SecurityContext.AllowPrivilegeEscalation, name)
			require.Equal(t, ptr.To(true), c.SecurityContext.ReadOnlyRootFilesystem, name)
			require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			require.NotZero(t, c.Resources.Requests.CPU().MilliValue(), name)
			require.NotZero(t, c.Resources.Limits.Memory().Value(), name)
			require.NotContains(t, c.Image, ":latest")
			for _, e := range c.Env {
				require.NotRegexp(t, `://[^@/]*:[^@/]+@`, e.Value, "a password in %s", e.Name)
			}
		}
		for _, v := range p.Volumes {
			require.Nil(t, v.HostPath, name)
		}
	}
}
