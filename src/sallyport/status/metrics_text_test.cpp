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
    return out;
}

TEST(MetricsText, HasTheCounters) {
    const auto text = metrics_text(busy_gateway());
    for (const auto* line :
         {"sallyport_sessions 3\n", "sallyport_transfers_complete_total 7\n",
          "sallyport_rejected_total{reason=\"login_failed\"} 2\n", "sallyport_log_lines_lost_total 5\n",
          "sallyport_uptime_seconds 90\n", "sallyport_draining 0\n",
          "sallyport_failed_data_connections_total{cause=\"data-ports-dropped\"} 3\n",
          "sallyport_backend_up{backend=\"ftp://10.0.0.5:21\"} 0\n",
          "sallyport_backend_sessions{backend=\"ftp://10.0.0.5:21\"} 1\n", "sallyport_queued_sessions 4\n",
          "sallyport_port_mappings{state=\"forwarded\"} 1\n", "sallyport_port_mappings{state=\"failed\"} 1\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(text, Not(HasSubstr("192.0.2")));
}

TEST(MetricsText, EachMetricHasOneHelpAndOneTypeBeforeItsValues) {
    std::istringstream in(metrics_text(busy_gateway()));
    std::set<std::string> seen;
    std::string current;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("# HELP ")) {
            current = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(seen.insert(current).second) << current;
        } else if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(line.starts_with("# TYPE " + current + ' ')) << line;
            EXPECT_EQ(line.ends_with("counter"), current.ends_with("_total")) << line;
        } else {
            EXPECT_EQ(line.substr(0, line.find_first_of(" {")), current) << line;
        }
    }
    EXPECT_LE(seen.size(), 40U);
}

TEST(MetricsText, AServerHasNoBackends) {
    auto server = busy_gateway();
    server.backends.reset();
    server.mappings.clear();
    EXPECT_THAT(metrics_text(server), Not(testing::AnyOf(HasSubstr("sallyport_backend"), HasSubstr("port_mappings"))));
}

TEST(MetricsText, TextsInLabelsAreEscaped) {
    auto gateway = busy_gateway();
    gateway.backends->backends[0].name = "a\"b\n";
    EXPECT_THAT(metrics_text(gateway), HasSubstr("{backend=\"a\\\"b\\\\x0a\"} 0\n"));
}

}  // namespace
}  // namespace sallyport::status
