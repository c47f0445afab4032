#pragma once
// What a server says it can do: the reply to FEAT (RFC 2389 section 3.2) as a value. Any thread.

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct feature_set {
    bool known = false;  // the server answered FEAT; where not, the rest says nothing
    bool utf8 = false;
    bool mlst = false;  // MLST and MLSD
    bool size = false;
    bool rest_stream = false;
    bool tvfs = false;

    /// From a 211; lines of unknown features are ignored, as the RFC says.
    [[nodiscard]] static feature_set parse(const reply& feat);

    /// Worth asking for: announced, or the server didn't say what it has.
    [[nodiscard]] bool may_have_mlsd() const noexcept { return mlst || !known; }

    friend bool operator==(const feature_set&, const feature_set&) = default;
};

}  // namespace sallyport::proto
