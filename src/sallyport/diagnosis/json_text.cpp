#include <sallyport/diagnosis/json_text.hpp>

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
    std::string flat(1, open);
    bool is_flat = true;
    for (const auto& each : all) {
        const auto text = write(each, indent + 2);
        if (text.find('\n') != text.npos) is_flat = false;
        flat += (flat.size() > 1 ? ", " : "") + text;
    }
    flat += close;
    if (is_flat && flat.size() + indent <= max_line) return flat;
    std::string out(1, open);
    for (const auto& each : all)
        out += (out.size() > 1 ? ",\n" : "\n") + std::string(indent + 2, ' ') + write(each, indent + 2);
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
