#include <sallyport/proto/ascii_filter.hpp>

#include <cstring>
#include <utility>

namespace sallyport::proto {

void to_network_ascii::filter(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
        const auto lf = bytes.find('\n');
        if (lf == std::string_view::npos) {
            out.append(bytes);
            after_cr_ = bytes.back() == '\r';
            return;
        }
        const bool has_cr = lf == 0 ? after_cr_ : bytes[lf - 1] == '\r';
        out.append(bytes.substr(0, lf));
        out.append(has_cr ? "\n" : "\r\n");
        after_cr_ = false;
        bytes.remove_prefix(lf + 1);
    }
}

std::string_view from_network_ascii::filter(std::span<char> buffer, bool last) {
    std::string_view bytes(buffer.data() + 1, buffer.size() - 1);
    char* end = buffer.data();
    const auto move = [&end](std::string_view part) {
        std::memmove(end, part.data(), part.size());
        end += part.size();
    };
    if (held_cr_ && !bytes.empty() && bytes.front() != '\n') *end++ = '\r';
    if (!bytes.empty()) held_cr_ = bytes.back() == '\r';
    if (held_cr_ && !bytes.empty()) bytes.remove_suffix(1);
    for (auto cr = bytes.find('\r'); cr != std::string_view::npos; cr = bytes.find('\r')) {
        const bool line_end = bytes.substr(cr + 1).starts_with('\n');
        move(bytes.substr(0, line_end ? cr : cr + 1));
        bytes.remove_prefix(cr + 1);
    }
    move(bytes);
    if (last && std::exchange(held_cr_, false)) *end++ = '\r';
    return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

}  // namespace sallyport::proto
