// Listings: LIST lines and MLSx lines of any server, the facts that a client chooses, and times.
// - Whatever parses can be written in one line without control bytes, and then reading and writing it changes nothing more.
// - Of a listing of several lines each entry has a name, and no line counts twice.

#include <algorithm>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_parser.hpp>
#include <sallyport/proto/listing.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;

constexpr std::int64_t now = 1'781'524'800;  // 15 June 2026

void check_line(std::string& line) {
    check(line.ends_with("\r\n"), "a line has its end");
    line.resize(line.size() - 2);
    check(std::ranges::none_of(line, is_control), "no control bytes in a line");
}

std::string as_unix(proto::entry e) {
    // Owners of digits and months make a line ambiguous; ours are names.
    e.owner = e.group = "ftp";
    std::string line;
    append_unix_line(line, e, now);
    check_line(line);
    return line;
}

std::string as_mlsx(const proto::entry& e) {
    std::string line;
    append_mlsx(line, e, proto::fact_set::parse("type;size;modify;perm;unique;UNIX.mode;UNIX.owner;UNIX.group"));
    check_line(line);
    return line;
}

void check_listing(std::string_view text) {
    proto::list_parser parser(now);
    std::size_t lines = 0;
    std::size_t entries = 0;
    while (!text.empty()) {
        auto line = sallyport::fuzz::next_line(text);
        if (line.ends_with('\r')) line.remove_suffix(1);
        ++lines;
        if (const auto e = parser.read(line)) {
            ++entries;
            check(!e->name.empty(), "an entry has a name");
        }
    }
    parser.finish();
    check(entries + parser.unrecognized() <= lines, "a line counts once");
    check(parser.first_unrecognized().empty() == (parser.unrecognized() == 0), "there is a sample");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = sallyport::fuzz::text_of(data, size);
    check_listing(text);
    if (const auto e = proto::parse_list_line(text, now)) {
        check(!e->name.empty(), "an entry has a name");
        const auto first = proto::parse_list_line(as_unix(*e), now);
        check(first.has_value(), "LIST lines of ours parse");
        // A date of tomorrow without a time becomes midnight, which is then near enough to be shown as a time.
        const auto second = proto::parse_list_line(as_unix(*first), now);
        check(second && as_unix(*second) == as_unix(*first), "LIST is a fixed point");
    }
    if (const auto e = proto::parse_mlsx(text)) {
        check(!e->name.empty(), "an entry has a name");
        const auto again = proto::parse_mlsx(as_mlsx(*e));
        check(again && as_mlsx(*again) == as_mlsx(*e), "MLSx is a fixed point");
        (void)proto::is_safe_name(e->name);
    }
    const auto facts = proto::fact_set::parse(text).text();
    check(proto::fact_set::parse(facts).text() == facts, "facts are a fixed point");
    if (const auto time = proto::parse_time(text)) {
        check(proto::parse_time(proto::format_time(*time)) == *time, "times there and back");
    }
    return 0;
}
