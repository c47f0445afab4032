#include <sallyport/doctor/capture_stream.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::doctor {

namespace {

/// Far more than commands and replies that wait for one segment have. A capture has thousands of such directions.
constexpr std::size_t max_waiting = std::size_t{16} * 1024;
constexpr std::size_t max_waiting_segments = 256;
/// The rest of a longer line, such as one with a long path, is no matter of data connections.
constexpr std::size_t max_line = 1024;

}  // namespace

void capture_stream::begin_at(std::uint32_t sequence) {
    if (!next_) next_ = sequence + 1;
}

bool capture_stream::is_repeated(std::uint32_t sequence, std::size_t size) const {
    if (!next_ || size == 0) return false;
    const auto older = static_cast<std::int32_t>(*next_ - (sequence + static_cast<std::uint32_t>(size)));
    return older >= 0;
}

std::vector<std::string> capture_stream::add(std::uint32_t sequence, std::string_view payload, std::size_t size) {
    std::vector<std::string> lines;
    if (size == 0) return lines;
    // The capture has begun after the connection.
    if (!next_) next_ = sequence;
    const auto ahead = static_cast<std::int32_t>(sequence - *next_);
    if (ahead < 0) {
        const auto known = static_cast<std::size_t>(-static_cast<std::int64_t>(ahead));
        if (known >= size) return lines;
        payload.remove_prefix(std::min(known, payload.size()));
        size -= known;
    }
    const auto at = position_ + static_cast<std::uint64_t>(std::max(ahead, 0));
    auto& held = waiting_[at];
    if (held.size < size) {
        waiting_bytes_ -= held.payload.size();
        held = {std::string(payload), size};
        waiting_bytes_ += payload.size();
    }
    take_waiting(lines);
    while (waiting_bytes_ > max_waiting || waiting_.size() > max_waiting_segments) skip_gap(lines);
    return lines;
}

std::vector<std::string> capture_stream::confirm(std::uint32_t acknowledgment) {
    std::vector<std::string> lines;
    while (!waiting_.empty()) {
        const auto begin = *next_ + static_cast<std::uint32_t>(waiting_.begin()->first - position_);
        if (static_cast<std::int32_t>(acknowledgment - begin) <= 0) break;
        skip_gap(lines);
    }
    return lines;
}

void capture_stream::take(std::string_view payload, std::size_t size, std::vector<std::string>& lines) {
    next_ = *next_ + static_cast<std::uint32_t>(size);
    position_ += size;
    missing_ += size - std::min(size, payload.size());
    for (const char c : payload) {
        if (c == '\n') {
            if (line_.ends_with('\r')) line_.pop_back();
            lines.push_back(std::exchange(line_, {}));
        } else if (line_.size() < max_line) {
            line_ += c;
        }
    }
    // The rest of a line that was not captured is unknown.
    if (payload.size() < size) line_.clear();
}

void capture_stream::take_waiting(std::vector<std::string>& lines) {
    while (!waiting_.empty() && waiting_.begin()->first <= position_) {
        const auto first = waiting_.extract(waiting_.begin());
        const auto& held = first.mapped();
        waiting_bytes_ -= held.payload.size();
        const auto known = static_cast<std::size_t>(position_ - first.key());
        if (known >= held.size) continue;
        std::string_view payload(held.payload);
        payload.remove_prefix(std::min(known, payload.size()));
        take(payload, held.size - known, lines);
    }
}

void capture_stream::skip_gap(std::vector<std::string>& lines) {
    const auto gap = waiting_.begin()->first - position_;
    missing_ += gap;
    position_ += gap;
    next_ = *next_ + static_cast<std::uint32_t>(gap);
    line_.clear();
    take_waiting(lines);
}

}  // namespace sallyport::doctor
