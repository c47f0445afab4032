#include <sallyport/cli/top_keys.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/character.hpp>

namespace sallyport::cli {
namespace {

constexpr std::size_t max_filter = 200;

constexpr std::string_view up = "\x1b[A";
constexpr std::string_view down = "\x1b[B";
constexpr std::string_view page_up = "\x1b[5~";
constexpr std::string_view page_down = "\x1b[6~";

[[nodiscard]] bool is_final(char c) { return c >= 0x40 && c <= 0x7e; }

/// The length of the first key: a control sequence, or one character.
[[nodiscard]] std::size_t length_of_key(std::string_view typed) {
    if (typed.starts_with("\x1b[") || typed.starts_with("\x1bO")) {
        const auto end = std::ranges::find_if(typed.substr(2), is_final);
        return std::min(typed.size(), static_cast<std::size_t>(end - typed.substr(2).begin()) + 3);
    }
    return first_character(typed).length;
}

/// Removes the last character.
void shorten(std::string& text) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0U) == 0x80U) text.pop_back();
    if (!text.empty()) text.pop_back();
}

}  // namespace

bool top_keys::take(std::string_view typed, const top_screen& shown) {
    while (!typed.empty()) {
        const auto length = length_of_key(typed);
        if (!take_key(typed.substr(0, length), shown)) return false;
        typed.remove_prefix(length);
    }
    return true;
}

bool top_keys::take_key(std::string_view key, const top_screen& shown) {
    if (typing_) {
        take_in_filter(key);
        return true;
    }
    if (key == "q" || key == "Q") return false;
    view_.message.clear();
    if (key == "v") {
        view_.reversed = !view_.reversed;
    } else if (key == "/") {
        typing_ = true;
        typed_ = view_.filter_text;
        show_filter();
    } else if (const auto* const found = std::ranges::find(top_orders, key, &top_order_names::key);
               found != top_orders.end()) {
        view_.order = found->order;
        view_.reversed = false;
        view_.skipped = 0;
    } else {
        scroll(key, shown);
    }
    return true;
}

void top_keys::scroll(std::string_view key, const top_screen& shown) {
    const auto last = shown.matching - std::min(shown.matching, shown.page);
    const auto back = [this](std::size_t by) { view_.skipped -= std::min(view_.skipped, by); };
    view_.skipped = std::min(view_.skipped, last);
    if (key == up) back(1);
    if (key == page_up) back(shown.page);
    if (key == down) view_.skipped = std::min(last, view_.skipped + 1);
    if (key == page_down) view_.skipped = std::min(last, view_.skipped + shown.page);
}

void top_keys::take_in_filter(std::string_view key) {
    if (key == "\r" || key == "\n") {
        auto parsed = top_filter::parse(typed_);
        typing_ = false;
        if (!parsed) {
            view_.message = parsed.error().what;
            return;
        }
        view_.filter = std::move(*parsed);
        view_.filter_text = typed_;
        view_.skipped = 0;
        view_.message.clear();
        return;
    }
    if (key == "\x1b") {
        typing_ = false;
        view_.message.clear();
        return;
    }
    if (key == "\x7f" || key == "\b")
        shorten(typed_);
    else if (key == "\x15")
        typed_.clear();
    else if (!first_character(key).control && typed_.size() + key.size() <= max_filter)
        typed_ += key;
    show_filter();
}

void top_keys::show_filter() {
    view_.message = fmt::format("Filter (user=TEXT client=TEXT backend=TEXT, or TEXT): {}_", typed_);
}

}  // namespace sallyport::cli
