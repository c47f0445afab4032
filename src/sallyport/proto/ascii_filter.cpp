#include <sallyport/proto/ascii_filter.hpp>

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

void from_network_ascii::filter(std::string_view bytes, std::string& out) {
    if (bytes.empty()) return;
    if (held_cr_ && bytes.front() != '\n') out += '\r';
    held_cr_ = bytes.back() == '\r';
    if (held_cr_) bytes.remove_suffix(1);
    for (auto cr = bytes.find('\r'); cr != std::string_view::npos; cr = bytes.find('\r')) {
        const bool line_end = bytes.substr(cr + 1).starts_with('\n');
        out.append(bytes.substr(0, line_end ? cr : cr + 1));
        bytes.remove_prefix(cr + 1);
    }
    out.append(bytes);
}

void from_network_ascii::finish(std::string& out) {
    if (held_cr_) out += '\r';
    held_cr_ = false;
}

}  // namespace sallyport::proto
