// Command client_golang serves the checkpoints of a file as Go exporters do: const
// metrics that a collector makes at each scrape, by promhttp.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var labels = []string{
	"plan_id", "item_id", "source_instance_id", "target_instance_id", "group", "topic",
}

type checkpoint struct {
	labels        []string
	lag, lastSync float64
}

type collector struct {
	checkpoints        []checkpoint
	lag, age, lastSync *prometheus.Desc
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.lag
	ch <- c.age
	ch <- c.lastSync
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	now := float64(time.Now().UnixMilli()) / 1000
	gauge := prometheus.GaugeValue
	for i := range c.checkpoints {
		p := &c.checkpoints[i]
		ch <- prometheus.MustNewConstMetric(c.lag, gauge, p.lag, p.labels...)
		ch <- prometheus.MustNewConstMetric(c.age, gauge, now-p.lastSync, p.labels...)
		ch <- prometheus.MustNewConstMetric(c.lastSync, gauge, p.lastSync, p.labels...)
	}
}

func read(path string) ([]checkpoint, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var checkpoints []checkpoint
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != len(labels)+2 {
			return nil, fmt.Errorf("%s: a line of %d fields", path, len(fields))
		}
		lag, err := strconv.ParseFloat(fields[len(labels)], 64)
		if err != nil {
			return nil, err
		}
		lastSync, err := strconv.ParseFloat(fields[len(labels)+1], 64)
		if err != nil {
			return nil, err
		}
		checkpoints = append(checkpoints, checkpoint{fields[:len(labels)], lag, lastSync})
	}
	return checkpoints, lines.Err()
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: client_golang FILE")
	}
	checkpoints, err := read(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{
		checkpoints: checkpoints,
		lag:         desc("rocketmq_dr_sync_lag_seconds", "Lag."),
		age:         desc("rocketmq_dr_sync_age_seconds", "Age."),
		lastSync:    desc("rocketmq_dr_last_sync_timestamp_seconds", "Last sync."),
	})
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
