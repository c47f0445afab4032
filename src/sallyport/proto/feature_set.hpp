#pragma once
// The features that a server lists in its reply to FEAT (RFC 2389, section 3.2). A value; any thread.

#include <string>
#include <vector>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

struct feature_set {
    // The server has answered FEAT. If it has not, the other members say nothing.
    bool known = false;
    bool utf8 = false;
    // MLST and MLSD.
    bool mlst = false;
    bool size = false;
    bool rest_stream = false;
    bool tvfs = false;
    // HASH (draft-bryan-ftpext-hash).
    bool hash = false;
    // The other commands for hashes of files: XSHA256, XCRC and their like, in upper case.
    std::vector<std::string> checksums;

    /// From a 211; lines with unknown features are ignored, as RFC 2389 requires.
    [[nodiscard]] static feature_set parse(const reply& feat);

    /// True if MLSD was listed, or if the server has not listed its features.
    [[nodiscard]] bool may_have_mlsd() const noexcept { return mlst || !known; }

    friend bool operator==(const feature_set&, const feature_set&) = default;
};

}  // namespace sallyport::proto
