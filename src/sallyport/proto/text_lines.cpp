#include <sallyport/proto/text_lines.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {

std::vector<std::string> text_lines(std::string_view text) {
    constexpr std::string_view blanks(" \t\r\n");
    std::vector<std::string> out;
    text = text.substr(0, text.find_last_not_of(blanks) + 1);
    while (!text.empty() && out.size() < max_text_lines) {
        std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        while (line.ends_with('\r')) line.pop_back();
        std::ranges::replace(line, '\t', ' ');
        append_name(out.emplace_back(), line);
    }
    return out;
}

reply with_lines(std::vector<std::string> lines, reply r) {
    lines.insert(lines.end(), std::make_move_iterator(r.lines.begin()), std::make_move_iterator(r.lines.end()));
    r.lines = std::move(lines);
    return r;
}

}  // namespace sallyport::proto
