#include <sallyport/proto/line_buffer.hpp>

#include <cstring>

namespace sallyport::proto {
namespace {

// Enough for nearly every command. An idle session keeps it, so that no memory is allocated for each line.
constexpr std::size_t kept_capacity = 256;

// A CR at the very end belongs to the line end; other CRs, and NUL, are not allowed (RFC 854, IN-03).
[[nodiscard]] bool has_bad_byte(std::string_view line) noexcept {
    return !line.empty() && (std::memchr(line.data(), '\r', line.size()) != nullptr ||
                             std::memchr(line.data(), '\0', line.size()) != nullptr);
}

}  // namespace

void line_buffer::append(std::string_view bytes) {
    // Moving the rest costs no more than the bytes returned since the last move, so the total cost is linear.
    if (begin_ > 0 && begin_ >= pending()) {
        data_.erase(0, begin_);
        scanned_ = scanned_ > begin_ ? scanned_ - begin_ : 0;
        begin_ = 0;
    }
    data_.append(bytes);
}

line_buffer::status line_buffer::next(std::string_view& out) {
    out = {};
    for (;;) {
        const char* const unscanned = data_.data() + scanned_;
        const auto* const lf = static_cast<const char*>(std::memchr(unscanned, '\n', data_.size() - scanned_));
        if (lf == nullptr) {
            scanned_ = data_.size();
            return unfinished();
        }
        const auto end = static_cast<std::size_t>(lf - data_.data());
        std::string_view line(data_.data() + begin_, end - begin_);
        begin_ = scanned_ = end + 1;
        if (discarding_) {
            discarding_ = false;
            continue;
        }
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.size() > max_line_) return status::too_long;
        out = line;
        return has_bad_byte(line) ? status::bad_byte : status::line;
    }
}

line_buffer::status line_buffer::unfinished() noexcept {
    // One byte over the limit may be the CR of the line end.
    const auto excess = pending() > max_line_ ? pending() - max_line_ : 0;
    const bool over = excess > 1 || (excess == 1 && data_.back() != '\r');
    if (discarding_ || over || pending() == 0) {
        const bool report = over && !discarding_;
        discarding_ = discarding_ || over;
        drop_stored();
        if (report) return status::too_long;
    }
    return status::need_more;
}

void line_buffer::clear() noexcept {
    drop_stored();
    discarding_ = false;
}

void line_buffer::drop_stored() noexcept {
    if (data_.capacity() > kept_capacity)
        std::string().swap(data_);
    else
        data_.clear();
    begin_ = scanned_ = 0;
}

}  // namespace sallyport::proto
