#include <sallyport/status/failed_data_table.hpp>

#include <utility>

namespace sallyport::status {
namespace {

[[nodiscard]] std::string network_of(const ip_address& client) {
    if (client.is_v6()) return client.client_network().text() + "/64";
    auto bytes = client.v4_bytes();
    bytes[3] = 0;
    return ip_address::v4(bytes).text() + "/24";
}

}  // namespace

void failed_data_table::add(std::string_view id, std::string_view side, const ip_address& peer, clock::time_point now,
                            bool on_backend_leg) {
    key of{std::string(id), on_backend_leg ? peer.text() : network_of(peer), on_backend_leg};
    const std::scoped_lock lock(mutex_);
    ++totals_[of.id];
    if (const auto found = by_key_.find(of); found != by_key_.end()) {
        rows_.splice(rows_.begin(), rows_, found->second);
    } else {
        if (rows_.size() >= max_rows) {
            by_key_.erase(rows_.back().of);
            rows_.pop_back();
        }
        rows_.push_front({of, {}, 0, now});
        by_key_.emplace(std::move(of), rows_.begin());
    }
    rows_.front().side = side;
    ++rows_.front().count;
    rows_.front().last = now;
}

std::vector<failed_data_count> failed_data_table::list(clock::time_point now) const {
    const std::scoped_lock lock(mutex_);
    std::vector<failed_data_count> out;
    out.reserve(rows_.size());
    for (const auto& each : rows_)
        out.push_back({each.of.id, each.of.network, each.count,
                       std::chrono::duration_cast<std::chrono::seconds>(now - each.last), each.of.on_backend_leg,
                       each.side});
    return out;
}

std::map<std::string, std::uint64_t> failed_data_table::totals() const {
    const std::scoped_lock lock(mutex_);
    return totals_;
}

}  // namespace sallyport::status
