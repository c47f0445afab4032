#include <sallyport/proto/feature_set.hpp>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {

feature_set feature_set::parse(const reply& feat) {
    feature_set out;
    out.known = true;
    // The first and the last line are text for people.
    for (std::size_t i = 1; i + 1 < feat.lines.size(); ++i) {
        std::string_view line = feat.lines[i];
        while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
        while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
        const std::string_view word = line.substr(0, line.find(' '));
        if (iequals(word, "UTF8")) out.utf8 = true;
        if (iequals(word, "MLST") || iequals(word, "MLSD")) out.mlst = true;
        if (iequals(word, "SIZE")) out.size = true;
        if (iequals(word, "TVFS")) out.tvfs = true;
        if (iequals(line, "REST STREAM")) out.rest_stream = true;
        if (iequals(word, "HASH")) out.hash = true;
        for (const std::string_view each : {"XSHA512", "XSHA256", "XSHA1", "XMD5", "XCRC"})
            if (iequals(word, each)) out.checksums.emplace_back(each);
    }
    return out;
}

}  // namespace sallyport::proto
