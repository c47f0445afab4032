// The reply parser and the replies that a gateway forwards.
// - Input in one piece or byte by byte gives the same replies and the same end; codes are 100..659, lines contain no line
// end.
// - A forwarded reply parses to one that is forwarded unchanged: no text of a peer becomes a line of the protocol.

#include <vector>

#include <sallyport/proto/reply.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;
using status = proto::reply_parser::status;

struct outcome {
    std::vector<proto::reply> replies;
    bool failed = false;
    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome run(std::string_view bytes, std::size_t piece) {
    proto::reply_parser parser;
    outcome out;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        parser.append(bytes.substr(at, piece));
        proto::reply r;
        auto got = parser.next(r);
        for (; got == status::reply; got = parser.next(r)) out.replies.push_back(r);
        out.failed = got == status::error;
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = sallyport::fuzz::text_of(data, size);
    const auto whole = run(bytes, std::max<std::size_t>(size, 1));
    check(run(bytes, 1) == whole, "splits do not matter");
    for (const auto& r : whole.replies) {
        check(r.code >= 100 && r.code <= 659 && !r.lines.empty(), "a reply has a code and a line");
        std::string written;
        append_reply(written, r);
        if (written.size() > 8000) continue;  // the blanks put before inner lines may carry a line over the limit
        const auto again = run(written, 1);
        check(!again.failed && again.replies.size() == 1, "a reply written on is one reply");
        check(again.replies[0].code == r.code && again.replies[0].lines.size() == r.lines.size(), "the same reply");
        std::string twice;
        append_reply(twice, again.replies[0]);
        check(twice == written, "writing is a fixed point");
    }
    return 0;
}
