#include <sallyport/status/metrics_text.hpp>

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

using testing::HasSubstr;
using testing::Not;

daemon_snapshot busy_gateway() {
    daemon_snapshot out{
        .name = "sallyport gate", .pid = 1, .uptime = std::chrono::seconds(90), .listening = {}, .draining = false};
    out.counted.sessions_open = 3;
    out.counted.transfers_complete = 7;
    out.counted.logins_refused = 2;
    out.log_lines_lost = 5;
    out.failed_data = {{.id = "data-ports-dropped", .network = "192.0.2.0/24", .count = 2, .age = {}}};
    out.failed_data_totals = {{"data-ports-dropped", 3}};
    backend_snapshot backend;
    backend.name = "ftp://10.0.0.5:21";
    backend.health = "down";
    backend.sessions = 1;
    out.backends = pool_snapshot{.backends = {backend}, .queued = 4};
    out.mappings = {{.local_port = 21, .external = endpoint::parse("203.0.113.1:21")}, {.local_port = 30000}};
    out.counted.openings_refused_kernel = 6;
    out.counted.data_tls_resumed = 8;
    out.passive_ports = {.usable = 98, .in_use = 9};
    out.certificate_remaining = std::chrono::hours(24);
    return out;
}

TEST(MetricsText, HasTheCounters) {
    const auto text = metrics_text(busy_gateway());
    for (const auto* line :
         {"sallyport_sessions 3\n", "sallyport_transfers_complete_total 7\n",
          "sallyport_rejected_total{reason=\"login_failed\"} 2\n", "sallyport_log_lines_lost_total 5\n",
          "sallyport_uptime_seconds 90\n", "sallyport_draining 0\n", "sallyport_ready 1\n",
          "sallyport_openings_refused_total{reason=\"kernel\"} 6\n", "sallyport_data_tls_resumed_total 8\n",
          "sallyport_passive_ports 98\n", "sallyport_passive_ports_in_use 9\n",
          "sallyport_certificate_remaining_seconds 86400\n",
          "sallyport_failed_data_connections_total{cause=\"data-ports-dropped\"} 3\n",
          "sallyport_backend_up{backend=\"ftp://10.0.0.5:21\"} 0\n",
          "sallyport_backend_sessions{backend=\"ftp://10.0.0.5:21\"} 1\n", "sallyport_queued_sessions 4\n",
          "sallyport_port_mappings{state=\"forwarded\"} 1\n", "sallyport_port_mappings{state=\"failed\"} 1\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(text, Not(HasSubstr("192.0.2")));
}

TEST(MetricsText, HistogramsAreCumulative) {
    counters counted;
    counted.times.uploads.add(std::chrono::milliseconds(3));
    counted.times.uploads.add(std::chrono::milliseconds(2500));
    counted.times.uploads.add(std::chrono::hours(2));
    counted.times.data_connections.add(std::chrono::milliseconds(7));
    auto daemon = busy_gateway();
    daemon.counted = counted.read();
    const auto text = metrics_text(daemon);
    for (const auto* line :
         {"# TYPE sallyport_transfer_seconds histogram\n",
          "sallyport_transfer_seconds_bucket{kind=\"upload\",le=\"0.001\"} 0\n",
          "sallyport_transfer_seconds_bucket{kind=\"upload\",le=\"0.005\"} 1\n",
          "sallyport_transfer_seconds_bucket{kind=\"upload\",le=\"2.5\"} 2\n",
          "sallyport_transfer_seconds_bucket{kind=\"upload\",le=\"3600\"} 2\n",
          "sallyport_transfer_seconds_bucket{kind=\"upload\",le=\"+Inf\"} 3\n",
          "sallyport_transfer_seconds_sum{kind=\"upload\"} 7202.503000\n",
          "sallyport_transfer_seconds_count{kind=\"upload\"} 3\n", "sallyport_transfer_seconds_count{kind=\"listing\"} 0\n",
          "sallyport_data_connection_seconds_bucket{le=\"0.025\"} 1\n", "sallyport_data_connection_seconds_sum 0.007000\n",
          "sallyport_data_connection_seconds_count 1\n"})
        EXPECT_THAT(text, HasSubstr(line));
}

TEST(MetricsText, EachMetricHasOneHelpAndOneTypeBeforeItsValues) {
    std::istringstream in(metrics_text(busy_gateway()));
    std::set<std::string> seen;
    std::string current;
    bool is_histogram = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("# HELP ")) {
            current = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(seen.insert(current).second) << current;
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(line.starts_with("# TYPE " + current + ' ')) << line;
            EXPECT_EQ(line.ends_with("counter"), current.ends_with("_total")) << line;
            is_histogram = line.ends_with("histogram");
        } else {
            auto name = line.substr(0, line.find_first_of(" {"));
            if (is_histogram) name.erase(name.rfind('_'));
            EXPECT_EQ(name, current) << line;
        }
    }
    EXPECT_LE(seen.size(), 40U);
}

TEST(MetricsText, AServerHasNoBackends) {
    auto server = busy_gateway();
    server.backends.reset();
    server.mappings.clear();
    server.passive_ports.reset();
    server.certificate_remaining.reset();
    for (const auto* absent : {"sallyport_backend", "port_mappings", "passive_ports", "certificate"})
        EXPECT_THAT(metrics_text(server), Not(HasSubstr(absent)));
}

TEST(MetricsText, TextsInLabelsAreEscaped) {
    auto gateway = busy_gateway();
    gateway.backends->backends[0].name = "a\"b\n";
    EXPECT_THAT(metrics_text(gateway), HasSubstr("{backend=\"a\\\"b\\\\x0a\"} 0\n"));
}

}  // namespace
}  // namespace sallyport::status
