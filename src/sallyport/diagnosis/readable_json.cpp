#include <sallyport/diagnosis/readable_json.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>

namespace sallyport::diagnosis {

namespace {

namespace json = boost::json;

/// A value without containers in it fits on one line up to this length.
constexpr std::size_t max_line = 110;

std::string text_of_string(std::string_view text) {
    auto out = json_string(text);
    // Half of a surrogate pair is no valid JSON for many readers.
    if (out.find("\\udc") != out.npos) out = json_string(escape(text, text.size() * 4 + 1));
    return out;
}

std::string written(const json::value& value, std::size_t indent);

template <class Container, class Write>
std::string written_container(const Container& all, char open, char close, std::size_t indent, Write write) {
    // Each is written once: with a second time at each level, the time would double with the depth.
    std::vector<std::string> texts;
    std::size_t size = indent;
    bool is_flat = true;
    for (const auto& each : all) {
        texts.push_back(write(each, indent + 2));
        size += texts.back().size() + 2;
        if (texts.back().find('\n') != std::string::npos) is_flat = false;
    }
    std::string out(1, open);
    // The last has no ", " after it, and there are two brackets.
    if (is_flat && std::max(size, indent + 2) <= max_line) {
        for (const auto& each : texts) out += (out.size() > 1 ? ", " : "") + each;
        return out + close;
    }
    for (const auto& each : texts) out += (out.size() > 1 ? ",\n" : "\n") + std::string(indent + 2, ' ') + each;
    return out + '\n' + std::string(indent, ' ') + close;
}

// NOLINTNEXTLINE(misc-no-recursion): the depth of our own values is small, and the parser limits that of others.
std::string written(const json::value& value, std::size_t indent) {
    if (const auto* const text = value.if_string()) return text_of_string({text->data(), text->size()});
    if (const auto* const list = value.if_array())
        // NOLINTNEXTLINE(misc-no-recursion)
        return written_container(*list, '[', ']', indent,
                                 [](const json::value& each, std::size_t in) { return written(each, in); });
    if (const auto* const object = value.if_object())
        // NOLINTNEXTLINE(misc-no-recursion)
        return written_container(*object, '{', '}', indent, [](const json::key_value_pair& each, std::size_t in) {
            return text_of_string({each.key().data(), each.key().size()}) + ": " + written(each.value(), in);
        });
    return json::serialize(value);
}

}  // namespace

std::string readable_json(const boost::json::value& value) { return written(value, 0) + '\n'; }

}  // namespace sallyport::diagnosis
