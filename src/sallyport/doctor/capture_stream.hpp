#pragma once
// One direction of a control connection in a capture: the bytes of its segments in their order, as lines.
//
// What arrives out of order is held up to a limit; after that, and if a capture has lost packets, the missing bytes are
// skipped and counted. A value for one thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::doctor {

class capture_stream {
public:
    /// The sequence number of the SYN of this direction.
    void begin_at(std::uint32_t sequence);
    /// The next complete lines, without their ends. `size` is that on the wire, which may be more than `payload`.
    [[nodiscard]] std::vector<std::string> add(std::uint32_t sequence, std::string_view payload, std::size_t size);
    /// The other end has received everything before this number: what is not here is missing in the capture. The lines after
    /// it.
    [[nodiscard]] std::vector<std::string> confirm(std::uint32_t acknowledgment);
    /// Whether a segment with these bytes was seen before.
    [[nodiscard]] bool is_repeated(std::uint32_t sequence, std::size_t size) const;
    [[nodiscard]] std::uint64_t missing() const noexcept { return missing_; }

private:
    void take(std::string_view payload, std::size_t size, std::vector<std::string>& lines);
    void take_waiting(std::vector<std::string>& lines);
    void skip_gap(std::vector<std::string>& lines);

    struct segment {
        std::string payload;
        std::size_t size = 0;
    };
    std::optional<std::uint32_t> next_;
    // By their positions in the stream, which do not wrap around.
    std::map<std::uint64_t, segment> waiting_;
    std::uint64_t position_ = 0;
    std::size_t waiting_bytes_ = 0;
    std::string line_;
    std::uint64_t missing_ = 0;
};

}  // namespace sallyport::doctor
