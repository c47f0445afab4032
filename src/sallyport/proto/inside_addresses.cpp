#include <sallyport/proto/inside_addresses.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

// Some servers write IPv4 addresses in this IPv6 form.
constexpr std::string_view mapped = "::ffff:";

[[nodiscard]] bool is_name_byte(char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '\\' ||
           static_cast<unsigned char>(c) >= 0x80;
}

[[nodiscard]] std::string plain_text(ip_address a) {
    auto text = a.text();
    return text.substr(0, text.find('%'));
}

/// The start of the word, including a "::ffff:" before it; npos if it is part of a name.
[[nodiscard]] std::size_t begin_of(std::string_view text, std::size_t at) {
    if (at >= mapped.size() && iequals(text.substr(at - mapped.size(), mapped.size()), mapped)) at -= mapped.size();
    const bool after_scheme = at >= 2 && text.substr(at - 2, 2) == "//";
    return at == 0 || after_scheme || !is_name_byte(text[at - 1]) ? at : std::string_view::npos;
}

/// The position after the word and its port; npos if it is part of a name. `in_url`: a path may follow.
[[nodiscard]] std::size_t end_of(std::string_view text, std::size_t at, bool in_url) {
    const auto digit_at = [&](std::size_t i) { return i < text.size() && is_digit(text[i]); };
    if (at < text.size() && text[at] == ':' && digit_at(at + 1))
        for (++at; digit_at(at);) ++at;
    // A period or a colon that ends the clause.
    auto next = at;
    while (next < text.size() && (text[next] == '.' || text[next] == ':')) ++next;
    const bool ends = next == text.size() || !is_name_byte(text[next]) || (in_url && text[next] == '/');
    return ends ? at : std::string_view::npos;
}

}  // namespace

inside_addresses::inside_addresses(const ip_address& backend, const ip_address& gateway, const ip_address& client,
                                   const ip_address& client_destination) {
    const auto add = [&](const ip_address& inside, const std::string& instead) {
        if (inside.is_unspecified() || inside == client || inside == client_destination) return;
        auto word = plain_text(inside);
        if (inside.is_v4()) {
            auto commas = word;
            std::ranges::replace(commas, '.', ',');
            words_.emplace_back(std::move(commas), instead);
        }
        words_.emplace_back(std::move(word), instead);
    };
    add(gateway, plain_text(client));
    add(backend, "the server");
}

std::string inside_addresses::hidden(std::string text, const std::string& data_peer) const {
    for (const auto& [word, usual] : words_) {
        const auto& instead = data_peer.empty() ? usual : data_peer;
        // The text up to `copied`, with its addresses replaced.
        std::string out;
        std::size_t copied = 0;
        for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
            const auto begin = begin_of(text, at);
            const bool in_url = begin != std::string::npos && begin >= 2 && text.compare(begin - 2, 2, "//") == 0;
            const auto end = end_of(text, at + word.size(), in_url);
            at += word.size();
            if (begin == std::string::npos || end == std::string::npos || begin < copied) continue;
            out.append(text, copied, begin - copied).append(instead);
            at = copied = end;
        }
        if (copied > 0) text = std::move(out.append(text, copied));
    }
    return text;
}

void inside_addresses::hide(reply& r, const std::string& data_peer) const {
    for (auto& line : r.lines) line = hidden(std::move(line), data_peer);
}

}  // namespace sallyport::proto
