#include <sallyport/status/rate_history.hpp>

#include <cmath>
#include <utility>

#include <boost/json/array.hpp>

namespace sallyport::status {
namespace {

/// Nothing if the sum became smaller: a transfer has ended between the reading of the counters and of the sessions.
[[nodiscard]] std::uint64_t growth(std::uint64_t from, std::uint64_t to) noexcept { return to > from ? to - from : 0; }

}  // namespace

activity_totals totals_of(const counter_snapshot& counted, const session_snapshot& running) {
    activity_totals out{.bytes_received = counted.bytes_received,
                        .bytes_sent = counted.bytes_sent,
                        .transfers_failed = counted.transfers_failed,
                        .sessions = counted.sessions_open,
                        .transfers = counted.transfers_running};
    for (const auto& session : running.sessions)
        if (const auto& t = session.transfer; t && t->bytes) (t->upload ? out.bytes_received : out.bytes_sent) += *t->bytes;
    return out;
}

void rate_history::add(const activity_totals& now, clock::time_point at) {
    const auto before = std::exchange(last_, now);
    const std::chrono::duration<double> passed = at - std::exchange(last_at_, at);
    if (!before || passed.count() <= 0) return;
    const auto rate = [&](std::uint64_t from, std::uint64_t to) {
        return std::round(static_cast<double>(growth(from, to)) / passed.count());
    };
    if (samples_.size() >= max_samples) samples_.pop_front();
    samples_.push_back({.received_per_second = rate(before->bytes_received, now.bytes_received),
                        .sent_per_second = rate(before->bytes_sent, now.bytes_sent),
                        .sessions = now.sessions,
                        .transfers = now.transfers,
                        .failed = growth(before->transfers_failed, now.transfers_failed)});
}

boost::json::object rate_history::json() const {
    const auto all = [this](auto sample::* value) {
        boost::json::array out;
        out.reserve(samples_.size());
        for (const auto& each : samples_) out.emplace_back(each.*value);
        return out;
    };
    return {{"interval_seconds", interval.count()},
            {"received_per_second", all(&sample::received_per_second)},
            {"sent_per_second", all(&sample::sent_per_second)},
            {"sessions", all(&sample::sessions)},
            {"transfers", all(&sample::transfers)},
            {"transfers_failed", all(&sample::failed)}};
}

}  // namespace sallyport::status
