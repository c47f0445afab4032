#include <sallyport/client/segmented_download.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/client/lanes.hpp>

namespace sallyport::client {

namespace {

/// Bytes per second.
using byte_rate = double;

struct segment {
    std::uint64_t begin = 0;
    file_part part;
    /// By net::clock; 0: it waits for a connection. Set by the thread of the session.
    std::atomic<net::clock::rep> started = 0;

    [[nodiscard]] std::uint64_t rest() const noexcept {
        const std::uint64_t at = part.at;
        const std::uint64_t end = part.end;
        return end > at ? end - at : 0;
    }
    [[nodiscard]] byte_rate rate() const {
        if (started == 0) return 0;
        const std::chrono::duration<double> time = net::clock::now().time_since_epoch() - net::clock::duration(started);
        return static_cast<double>(part.at - begin) / std::max(time.count(), 0.001);
    }
};

class segment_list {
public:
    segment_list(std::uint64_t size, std::size_t count) : size_(size) {
        const auto parts = std::max<std::uint64_t>(1, std::min<std::uint64_t>(count, size / min_segment));
        for (std::uint64_t i = 0; i < parts; ++i) add(size / parts * i, i + 1 == parts ? size : size / parts * (i + 1));
    }

    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

    /// The next part, or one that is taken over; nullptr if there is nothing left that is worth a request. `rate`: that of
    /// the connection that asks, 0 if it is not known.
    segment* next(byte_rate rate) {
        if (given_ < all_.size()) return &all_[given_++];
        segment* slowest = nullptr;
        for (auto& s : all_)
            if (s.rest() >= 2 * min_segment && (slowest == nullptr || takes_longer(s, *slowest))) slowest = &s;
        if (slowest == nullptr) return nullptr;
        const auto begin = take_over_at(*slowest, rate);
        const std::uint64_t end = slowest->part.end;
        slowest->part.end = begin;
        ++given_;
        return &add(begin, end);
    }

    /// Ends what still runs.
    void stop() {
        for (auto& s : all_) s.part.end = std::uint64_t{s.part.at};
    }

    [[nodiscard]] std::uint64_t contiguous() const {
        std::vector<const segment*> sorted;
        for (const auto& s : all_) sorted.push_back(&s);
        std::ranges::sort(sorted, {}, &segment::begin);
        std::uint64_t out = 0;
        for (const auto* s : sorted)
            if (s->begin <= out) out = std::max<std::uint64_t>(out, s->part.at);
        return out;
    }

private:
    segment& add(std::uint64_t begin, std::uint64_t end) {
        auto& s = all_.emplace_back();
        s.begin = begin;
        s.part.at = begin;
        s.part.end = end;
        s.part.size = size_;
        return s;
    }

    /// By the time that is left; of those that have received nothing yet, by bytes.
    static bool takes_longer(const segment& a, const segment& b) {
        const auto rate_of_a = a.rate();
        const auto rate_of_b = b.rate();
        if (rate_of_a <= 0 || rate_of_b <= 0) return rate_of_a < rate_of_b || (rate_of_a <= 0 && a.rest() > b.rest());
        return static_cast<double>(a.rest()) / rate_of_a > static_cast<double>(b.rest()) / rate_of_b;
    }

    /// Where both would end at the same time; in the middle if their rates are not known.
    static std::uint64_t take_over_at(const segment& from, byte_rate rate) {
        const auto of_from = from.rate();
        const double share = rate <= 0 ? 0.5 : of_from / (of_from + rate);
        const std::uint64_t rest = from.rest();
        const auto kept = static_cast<std::uint64_t>(static_cast<double>(rest) * share);
        return from.part.at + std::clamp(kept, min_segment, rest - min_segment);
    }

    std::uint64_t size_;
    // Parts are referred to while others are added.
    std::deque<segment> all_;
    std::size_t given_ = 0;
};

struct segment_work {
    pool& connections;
    const segmented_file& file;
    segment_list segments;
    std::optional<failure> failed{};
};

net::task<outcome<void>> receive_on(session& on, const segmented_file& file, segment& s) {
    if (s.started == 0) s.started = net::clock::now().time_since_epoch().count();
    auto count = [&file, last = std::uint64_t{s.part.at}](std::uint64_t at, std::optional<std::uint64_t> /*size*/) mutable {
        if (file.on_bytes) file.on_bytes(at - std::exchange(last, at));
    };
    on.set_pipelining(false);
    auto got = co_await on.get_part(file.remote, file.local, s.part, std::move(count));
    co_return got;
}

net::task<> run_segments(segment_work& all) {
    byte_rate rate = 0;
    while (!all.failed && !all.connections.is_cancelled()) {
        auto* const s = all.segments.next(rate);
        if (s == nullptr) co_return;
        const pool::work what = [&all, s](session& on, int /*try_number*/) { return receive_on(on, all.file, *s); };
        auto got = co_await all.connections.run(what);
        if (!got && !all.failed) {
            all.failed = std::move(got.error());
            all.segments.stop();
        }
        rate = s->rate();
    }
}

}  // namespace

net::task<segmented_result> download_in_segments(pool& connections, const segmented_file& file) {
    segment_work all{connections, file, segment_list(file.size, file.segments)};
    co_await run_lanes(connections.home(), all.segments.size(), [&all] { return run_segments(all); });
    segmented_result out;
    out.contiguous = all.segments.contiguous();
    if (connections.is_cancelled() && !all.failed)
        all.failed = failure{step::request, error{errc::cancelled, 0, {}}, 0, "getting " + file.remote, {}};
    if (all.failed)
        out.got = std::unexpected(std::move(*all.failed));
    else if (out.contiguous != file.size)
        out.got = std::unexpected(failure{
            step::transfer, error{errc::truncated, 0, "transfer incomplete: a part of the file is missing"}, 0, {}, {}});
    co_return out;
}

}  // namespace sallyport::client
