// Telnet filter and line buffer together, as a control connection uses them.
// - Input in one piece or byte by byte gives the same lines, refusals and answers.
// - The filter never makes text longer; no line contains LF, no valid line CR or NUL, and none exceeds the limit.

#include <vector>

#include <sallyport/proto/line_buffer.hpp>
#include <sallyport/proto/telnet.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;
constexpr std::size_t limit = 60;

struct outcome {
    std::vector<std::string> events;
    std::string answers;
    bool refused = false;
    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome run(std::string_view bytes, std::size_t piece) {
    proto::telnet_filter telnet;
    proto::line_buffer lines(limit);
    outcome out;
    std::size_t taken = 0;
    std::size_t given = 0;
    for (std::size_t at = 0; at < bytes.size() && !out.refused; at += piece) {
        const auto part = bytes.substr(at, piece);
        std::string text;
        out.refused = !telnet.filter(part, text, out.answers);
        taken += part.size();
        given += text.size();
        check(given <= taken, "the filter never makes text longer");
        lines.append(text);
        std::string_view line;
        for (auto got = lines.next(line); got != proto::line_buffer::status::need_more; got = lines.next(line)) {
            check(line.size() <= limit && line.find('\n') == std::string_view::npos, "a line is whole and within the limit");
            const bool good = got == proto::line_buffer::status::line;
            check(!good || line.find_first_of(std::string_view("\r\0", 2)) == std::string_view::npos, "no CR or NUL in it");
            out.events.push_back(std::to_string(static_cast<int>(got)) + std::string(line));
        }
        check(lines.pending() <= limit + 1, "what is kept is bounded");
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = sallyport::fuzz::text_of(data, size);
    const auto whole = run(bytes, std::max<std::size_t>(size, 1));
    check(run(bytes, 1) == whole, "splits do not matter");
    check(run(bytes, 3) == whole, "splits do not matter");
    return 0;
}
