#include <sallyport/doctor/yaml_value.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace sallyport::doctor {
namespace {

// A service that publishes each port by an entry of its own, as 'docker compose config' prints them, has 330,000 values in 9
// MiB.
constexpr std::size_t max_text = std::size_t{16} << 20U;
constexpr std::size_t max_values = std::size_t{1} << 19U;

/// Makes values of yaml-cpp's events. What is refused leaves as one of its exceptions, through its own functions.
class value_builder final : public YAML::EventHandler {
public:
    std::vector<yaml_value> documents;
    bool is_full = false;

    void OnDocumentStart(const YAML::Mark&) override {
        anchored_.clear();
        open_.clear();
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        close({made(mark, yaml_value::kind::null), anchor});
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        // Unfinished values are not found, so that nothing contains itself.
        const auto found = anchored_.find(anchor);
        if (found == anchored_.end()) throw YAML::ParserException(mark, "an alias of the value that it is a part of");
        count(mark, found->second.size);
        close({found->second, YAML::NullAnchor});
    }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& text) override {
        auto value = made(mark, yaml_value::kind::text);
        value.text = text;
        close({std::move(value), anchor});
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open_.push_back({made(mark, yaml_value::kind::list), anchor});
    }
    void OnSequenceEnd() override { close_last(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        open_.push_back({made(mark, yaml_value::kind::map), anchor});
    }
    void OnMapEnd() override {
        merge(open_.back().value);
        close_last();
    }

private:
    struct entry {
        yaml_value value;
        YAML::anchor_t anchor = YAML::NullAnchor;
        // Of a map: the last item has a key only.
        bool waits_for_value = false;
    };

    void count(const YAML::Mark& mark, std::size_t more) {
        values_ += more;
        is_full = values_ > max_values;
        if (is_full) throw YAML::ParserException(mark, fmt::format("more than {} values", max_values));
    }

    [[nodiscard]] yaml_value made(const YAML::Mark& mark, yaml_value::kind kind) {
        count(mark, 1);
        return {.is = kind, .line = mark.line + 1};
    }

    void close_last() {
        auto last = std::move(open_.back());
        open_.pop_back();
        last.value.size = 1;
        for (const auto& each : last.value.items) last.value.size += each.size;
        close(std::move(last));
    }

    /// Puts a complete value where it belongs.
    void close(entry done) {
        YAML::Mark mark;
        mark.line = done.value.line - 1;
        if (done.anchor != YAML::NullAnchor) {
            count(mark, done.value.size);
            anchored_[done.anchor] = done.value;
        }
        if (open_.empty()) {
            documents.push_back(std::move(done.value));
            return;
        }
        auto& parent = open_.back();
        if (parent.value.is == yaml_value::kind::list) {
            parent.value.items.push_back(std::move(done.value));
        } else if (std::exchange(parent.waits_for_value, !parent.waits_for_value)) {
            auto key = std::move(parent.value.items.back().key);
            parent.value.items.back() = std::move(done.value);
            parent.value.items.back().key = std::move(key);
        } else {
            if (!done.value.items.empty()) throw YAML::ParserException(mark, "a key that is no text");
            // A key is no value of its own.
            --values_;
            parent.value.items.push_back({.key = std::move(done.value.text)});
        }
    }

    /// Takes what the map has not itself from the maps under its merge keys, the first of them first.
    static void merge(yaml_value& map) {
        if (map.at("<<").key.empty()) return;
        std::vector<yaml_value> sources;
        for (auto& each : std::exchange(map.items, {})) (each.key == "<<" ? sources : map.items).push_back(std::move(each));
        std::set<std::string> keys;
        for (const auto& each : map.items) keys.insert(each.key);
        const auto take = [&](const yaml_value& from) {
            for (const auto& each : from.items)
                if (from.is == yaml_value::kind::map && keys.insert(each.key).second) map.items.push_back(each);
        };
        for (const auto& source : sources) {
            take(source);
            if (source.is == yaml_value::kind::list) std::ranges::for_each(source.items, take);
        }
    }

    std::vector<entry> open_;
    std::map<YAML::anchor_t, yaml_value> anchored_;
    std::size_t values_ = 0;
};

}  // namespace

const yaml_value& yaml_value::at(std::string_view name) const noexcept {
    static const yaml_value none;
    const auto found = std::ranges::find(items, name, &yaml_value::key);
    return is != kind::map || found == items.end() ? none : *found;
}

result<std::vector<yaml_value>> read_yaml(std::string_view text) {
    if (text.size() > max_text) return fail(errc::too_long, fmt::format("it is larger than {} MiB", max_text >> 20U));
    std::istringstream in{std::string(text)};
    value_builder builder;
    try {
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& e) {
        // This is what it has to say of a depth of 500.
        const auto cause = e.msg == YAML::ErrorMsg::BAD_FILE ? "too many lists and maps inside each other" : e.msg;
        return fail(builder.is_full ? errc::too_long : errc::syntax, fmt::format("line {}: {}", e.mark.line + 1, cause));
    }
    return std::move(builder.documents);
}

}  // namespace sallyport::doctor
