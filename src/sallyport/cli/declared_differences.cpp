#include <sallyport/cli/declared_differences.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport::cli {
namespace {

// What the replies, or the lists of features, have become.
enum class change : std::uint8_t {
    any,
    // Only the new server has the feature.
    added,
    // Only the old server has it.
    missing,
    // Permitted before, refused now.
    refused,
    // Refused before, permitted now.
    permitted,
    // The old server did not know the command, or its argument.
    known,
    // Another code, which means the same to a client.
    code,
};

struct declared_difference {
    // Unknown: whatever the old server is.
    replaced_server old;
    // "*" stands for any text; "COMMAND" for the commands that change nothing.
    std::string_view probe;
    change how;
    std::string_view reason;
};

constexpr auto any_server = replaced_server::unknown;
constexpr std::string_view hidden = "names of hide and deny can neither be read nor written";

constexpr auto declared = std::to_array<declared_difference>({
    {any_server, "owner of an uploaded file", change::any, "uploads belong to the user of the process, see --run-as"},
    {any_server, "FEAT *", change::added, "only the new server has this feature"},
    {any_server, "COMMAND", change::known, "the old server does not know the command or its argument"},
    {any_server, "*", change::code, "both codes mean the same"},
    {any_server, "MFMT of a file", change::refused, "the right overwrite includes MFMT"},
    {any_server, "SITE CHMOD of a file", change::refused, "the right overwrite includes SITE CHMOD"},
    {any_server, "upload *", change::refused, hidden},
    {any_server, "download *", change::refused, hidden},
    {any_server, ".* is listed", change::missing, "LIST -a lists names that begin with a dot"},
    {any_server, "* is listed", change::missing, hidden},
    {any_server, "* is listed by LIST -a", change::missing, hidden},
    {replaced_server::vsftpd, "FEAT PASV", change::missing, "FEAT lists extensions only"},
    {replaced_server::vsftpd, "MFMT of a file", change::permitted, "the right overwrite includes MFMT"},
    {replaced_server::proftpd, "FEAT CCC", change::missing, "CCC needs --allow-ccc"},
    {replaced_server::proftpd, "FEAT CLNT", change::missing, "CLNT is accepted, and not listed"},
    {replaced_server::proftpd, "FEAT CSID", change::missing, "CSID is not supported"},
    {replaced_server::proftpd, "FEAT SSCN", change::missing, "data connections are made with the client only"},
    {replaced_server::proftpd, "continue an upload", change::permitted,
     "an account with overwrite and append may continue uploads, also with HiddenStores"},
    {replaced_server::pure_ftpd, "FEAT PASV", change::missing, "FEAT lists extensions only"},
    {replaced_server::pure_ftpd, "FEAT MLSD", change::missing, "FEAT lists MLSD as MLST"},
    {replaced_server::pure_ftpd, "FEAT IDLE", change::missing, "idle-timeout is the same for every client"},
    {replaced_server::pure_ftpd, "FEAT PRET", change::missing, "data connections are made with the client only"},
    {replaced_server::pure_ftpd, "FEAT ESTA", change::missing, "data connections are made with the client only"},
    {replaced_server::pure_ftpd, "FEAT ESTP", change::missing, "data connections are made with the client only"},
    {replaced_server::pure_ftpd, "overwrite a file", change::refused, "with AutoRename, the name must be free"},
    {replaced_server::pure_ftpd, "remove a directory", change::refused,
     "with KeepAllFiles, directories cannot be removed either"},
});

bool is_success(std::string_view code) { return code.starts_with('2') || code.starts_with('3'); }
bool is_refusal(std::string_view code) { return code.starts_with('4') || code.starts_with('5'); }

bool fits(change how, std::string_view before, std::string_view after) {
    switch (how) {
        case change::any: return true;
        case change::added: return before == "-";
        case change::missing: return before == "yes" && (after == "-" || after == "no");
        case change::refused: return is_success(before) && is_refusal(after);
        case change::permitted: return is_refusal(before) && is_success(after);
        case change::known: return before == "500" || before == "502" || before == "504";
        case change::code:
            return before.size() == 3 && after.size() == 3 &&
                   ((is_success(before) && is_success(after)) || (is_refusal(before) && is_refusal(after)));
    }
    return false;
}

/// "HASH NAME", and not "upload a file", "MFMT of a file" or "FEAT HASH".
bool is_command(std::string_view probe) {
    const auto word = probe.substr(0, probe.find(' '));
    return word != "FEAT" && !probe.contains(" of a ") &&
           std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

bool names(std::string_view pattern, std::string_view probe) {
    if (pattern == "COMMAND") return is_command(probe);
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == probe;
    if (pattern == "*") return true;
    // These are no names of --name.
    if (probe == "upload a file" || probe == "download a file" || probe == "an uploaded file is listed") return false;
    const auto end = pattern.substr(star + 1);
    return probe.starts_with(pattern.substr(0, star)) && probe.ends_with(end);
}

}  // namespace

std::string_view declared_reason(replaced_server old, const probe_difference& difference) {
    if (old == replaced_server::unknown || difference.is_same) return {};
    const auto* const found = std::ranges::find_if(declared, [&](const declared_difference& row) {
        return (row.old == any_server || row.old == old) && names(row.probe, difference.name) &&
               fits(row.how, difference.before, difference.after);
    });
    return found == declared.end() ? std::string_view() : found->reason;
}

}  // namespace sallyport::cli
