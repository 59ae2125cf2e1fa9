// Prints what prometheus-operator makes of monitors: the configuration of Prometheus, or why it rejects the object.
//
// Reads a request from standard input, and writes a list of results, one for each monitor and rule, as JSON. The request
// also contains the Secrets and ConfigMaps that the objects refer to.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	registry "github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	"github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
)

type request struct {
	Role    monitoringv1.ServiceDiscoveryRole `json:"role"`
	Version string                            `json:"version"`
	Classes []monitoringv1.ScrapeClass        `json:"classes"`
	Objects []json.RawMessage                 `json:"objects"`
}

type result struct {
	Name   string `json:"name"`
	Error  string `json:"error,omitempty"`
	Config string `json:"config,omitempty"`
}

func main() {
	var asked request
	check(json.NewDecoder(os.Stdin).Decode(&asked))
	var data []interface{}
	var monitors []json.RawMessage
	for _, raw := range asked.Objects {
		switch kindOf(raw) {
		case "Secret":
			data = append(data, decoded[corev1.Secret](raw))
		case "ConfigMap":
			data = append(data, decoded[corev1.ConfigMap](raw))
		default:
			monitors = append(monitors, raw)
		}
	}
	results := []result{}
	for _, raw := range monitors {
		meta := decoded[metav1.PartialObjectMetadata](raw)
		one := answer(asked, raw, data)
		one.Name = fmt.Sprintf("%s %s/%s", kindOf(raw), meta.Namespace, meta.Name)
		results = append(results, one)
	}
	check(json.NewEncoder(os.Stdout).Encode(results))
}

// answer returns the configuration for one object. The operator panics when a Secret is missing.
func answer(asked request, raw json.RawMessage, data []interface{}) (one result) {
	defer func() {
		if problem := recover(); problem != nil {
			one.Error = fmt.Sprint(problem)
		}
	}()
	if kindOf(raw) == "PrometheusRule" {
		rule := decoded[monitoringv1.PrometheusRule](raw)
		if problems := operator.ValidateRule(rule.Spec); len(problems) > 0 {
			panic(problems)
		}
		text, err := json.Marshal(rule.Spec)
		check(err)
		return result{Config: string(text)}
	}
	return result{Config: configuration(asked, raw, data)}
}

func configuration(asked request, raw json.RawMessage, data []interface{}) string {
	all := &metav1.LabelSelector{}
	server := &monitoringv1.Prometheus{ObjectMeta: metav1.ObjectMeta{Name: "test", Namespace: "test"}}
	server.Spec.CommonPrometheusFields = monitoringv1.CommonPrometheusFields{
		Version: asked.Version, ScrapeInterval: "60s", ServiceDiscoveryRole: &asked.Role, ScrapeClasses: asked.Classes,
		ServiceMonitorSelector: all, PodMonitorSelector: all, ProbeSelector: all, ScrapeConfigSelector: all,
	}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store := assets.NewTestStoreBuilder(data...)
	selector, err := prometheus.NewResourceSelector(
		logger, server, store, nil, operator.NewMetrics(registry.NewRegistry()), record.NewFakeRecorder(100))
	check(err)
	var services map[string]*monitoringv1.ServiceMonitor
	var pods map[string]*monitoringv1.PodMonitor
	var probes map[string]*monitoringv1.Probe
	var configs map[string]*monitoringv1alpha1.ScrapeConfig
	switch kindOf(raw) {
	case "ServiceMonitor":
		services = valid(selector.SelectServiceMonitors, decoded[monitoringv1.ServiceMonitor](raw))
	case "PodMonitor":
		pods = valid(selector.SelectPodMonitors, decoded[monitoringv1.PodMonitor](raw))
	case "Probe":
		probes = valid(selector.SelectProbes, decoded[monitoringv1.Probe](raw))
	case "ScrapeConfig":
		configs = valid(selector.SelectScrapeConfigs, decoded[monitoringv1alpha1.ScrapeConfig](raw))
	}
	if len(services)+len(pods)+len(probes)+len(configs) == 0 {
		panic(log.String())
	}
	generator, err := prometheus.NewConfigGenerator(logger, server, prometheus.WithEndpointSliceSupport())
	check(err)
	text, err := generator.GenerateServerConfiguration(server, services, pods, probes, configs, store, nil, nil, nil, nil)
	check(err)
	return string(text)
}

// valid returns the object by name if the operator accepts it, and nothing otherwise.
func valid[T prometheus.ConfigurationResource](
	selected func(context.Context, prometheus.ListAllByNamespaceFn) (prometheus.TypedResourcesSelection[T], error), object T,
) map[string]T {
	found, err := selected(context.Background(), func(_ string, _ labels.Selector, add cache.AppendFunc) error {
		add(object)
		return nil
	})
	check(err)
	return found.ValidResources()
}

func kindOf(raw json.RawMessage) string {
	return decoded[metav1.TypeMeta](raw).Kind
}

func decoded[T any](raw json.RawMessage) *T {
	object := new(T)
	check(json.Unmarshal(raw, object))
	return object
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
