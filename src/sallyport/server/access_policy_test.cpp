#include <sallyport/server/access_policy.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::server {
namespace {

using enum right;
using proto::verb;

virtual_path path_of(std::string_view text) { return virtual_path().resolve(text).value(); }

name_patterns patterns(std::initializer_list<const char*> texts) {
    name_patterns out;
    for (const char* text : texts) out.push_back(std::make_shared<const wildcard>(text));
    return out;
}

/// Reads everywhere; /in is a drop box, /in/own is its owner's, /pub/log only grows.
account partner() {
    return {.name = "partner",
            .rights = right_set::read_only(),
            .paths = {{path_of("/in"), {write, mkdir}},
                      {path_of("/in/own"), right_set::all()},
                      {path_of("/pub/log"), {list, read, append}}},
            .deny = patterns({"*.key", ".ht*"}),
            .hide = patterns({"secret*", "*.part"})};
}

/// The commands that an account with this one right may use in its home.
std::vector<verb> commands_of(right_set rights) {
    std::vector<verb> out;
    for (const verb command :
         {verb::cwd,  verb::list, verb::nlst, verb::mlsd, verb::stat, verb::mlst, verb::size, verb::mdtm,
          verb::retr, verb::stor, verb::appe, verb::stou, verb::dele, verb::rmd,  verb::mkd,  verb::rnfr,
          verb::rnto, verb::mfmt, verb::hash, verb::xcrc, verb::mff,  verb::site, verb::avbl})
        if (check_access({.rights = rights}, command, path_of("/f"))) out.push_back(command);
    return out;
}

TEST(access_policy, each_right_permits_its_commands_and_no_other) {
    using verbs = std::vector<verb>;
    EXPECT_EQ(commands_of({}), (verbs{verb::cwd}));
    EXPECT_EQ(commands_of({list}),
              (verbs{verb::cwd, verb::list, verb::nlst, verb::mlsd, verb::stat, verb::mlst, verb::size, verb::mdtm}));
    EXPECT_EQ(commands_of({read}),
              (verbs{verb::cwd, verb::mlst, verb::size, verb::mdtm, verb::retr, verb::hash, verb::xcrc}));
    EXPECT_EQ(commands_of({write}), (verbs{verb::cwd, verb::stor, verb::stou, verb::avbl}));
    EXPECT_EQ(commands_of({append}), (verbs{verb::cwd, verb::appe, verb::avbl}));
    EXPECT_EQ(commands_of({remove}), (verbs{verb::cwd, verb::dele, verb::rmd}));
    EXPECT_EQ(commands_of({mkdir}), (verbs{verb::cwd, verb::mkd}));
    EXPECT_EQ(commands_of({right::rename}), (verbs{verb::cwd, verb::rnfr, verb::rnto}));
    EXPECT_EQ(commands_of({overwrite}), (verbs{verb::cwd, verb::stor, verb::mfmt, verb::mff, verb::site, verb::avbl}));
    EXPECT_EQ(commands_of(right_set::all()).size(), 23U);
}

/// "" if it is permitted, otherwise the text of the refusal.
std::string refusal(verb command, std::string_view path) {
    const auto done = check_access(partner(), command, path_of(path));
    return done ? "" : done.error().text();
}

TEST(access_policy, the_longest_path_decides) {
    struct row {
        verb command;
        const char* path;
        bool allowed;
    };
    for (const row& r : std::vector<row>{{verb::retr, "/f", true},
                                         {verb::stor, "/f", false},
                                         {verb::list, "/in", false},
                                         {verb::retr, "/in/f", false},
                                         {verb::stor, "/in/f", true},
                                         {verb::mkd, "/in/d", true},
                                         {verb::dele, "/in/f", false},
                                         {verb::dele, "/in/own/f", true},
                                         {verb::dele, "/in/own/a/b/c", true},
                                         {verb::list, "/in/own", true},
                                         // A path is not a beginning of a name.
                                         {verb::list, "/inside", true},
                                         {verb::stor, "/inside", false},
                                         {verb::list, "/in/owner", false},
                                         {verb::appe, "/pub/log/f", true},
                                         {verb::appe, "/pub/f", false},
                                         // Normalized before they are compared.
                                         {verb::retr, "/pub/../in/f", false},
                                         {verb::retr, "/./in//f", false},
                                         {verb::cwd, "/in", true}})
        EXPECT_EQ(refusal(r.command, r.path).empty(), r.allowed) << r.path << " " << static_cast<int>(r.command);
    EXPECT_EQ(refusal(verb::dele, "/in/f"), "/in/f: your account may not delete here");
}

TEST(access_policy, denied_names_are_refused_to_every_command) {
    for (const verb command : {verb::cwd, verb::list, verb::mlst, verb::size, verb::retr, verb::stor, verb::appe, verb::dele,
                               verb::mkd, verb::rnfr, verb::rnto, verb::mfmt})
        for (const char* path : {"/in/own/a.key", "/in/own/.htaccess", "/in/own/.htdocs/f", "/in/own/x/../a.key"})
            EXPECT_NE(refusal(command, path).find("may not use a file or directory of this name"), std::string::npos)
                << path << refusal(command, path);
    EXPECT_EQ(refusal(verb::retr, "/in/own/a.keys"), "");
    EXPECT_FALSE(is_hidden(partner(), "a.key"));
}

TEST(access_policy, hidden_names_do_not_exist) {
    const account user = partner();
    for (const char* path : {"/in/own/secret", "/in/own/secrets/f", "/f.part"}) {
        for (const verb command : {verb::cwd, verb::list, verb::mlst, verb::size, verb::retr, verb::dele, verb::rnfr})
            EXPECT_EQ(check_access(user, command, path_of(path)).error().code, errc::not_found) << path;
        for (const verb command : {verb::stor, verb::appe, verb::stou, verb::mkd, verb::rnto})
            EXPECT_EQ(check_access(user, command, path_of(path)).error().code, errc::name_invalid) << path;
    }
    // Also where the account has no right, or it would reveal the name.
    EXPECT_EQ(check_access(user, verb::retr, path_of("/in/secret")).error().code, errc::not_found);
    EXPECT_TRUE(is_hidden(user, "secret.txt"));
    EXPECT_FALSE(is_hidden(user, "a secret"));
}

TEST(access_policy, uploads_replace_only_with_the_right_to) {
    const auto plan = [](right_set rights, verb command, std::uint64_t offset = 0) {
        return check_upload({.rights = rights}, command, path_of("/f"), offset);
    };
    using mode = vfs::store_mode;
    EXPECT_EQ(plan({write}, verb::stor)->mode, mode::create_only);
    EXPECT_FALSE(plan({write}, verb::stor)->must_exist);
    EXPECT_EQ(plan({write, overwrite}, verb::stor)->mode, mode::replace);
    EXPECT_TRUE(plan({overwrite}, verb::stor)->must_exist);
    EXPECT_EQ(plan({write}, verb::stou)->mode, mode::create_only);
    EXPECT_TRUE(plan({append}, verb::appe)->must_exist);
    EXPECT_FALSE(plan({append, write}, verb::appe)->must_exist);
    // REST discards what follows the offset.
    EXPECT_FALSE(plan({write, append}, verb::stor, 1));
    EXPECT_FALSE(plan({write, overwrite}, verb::stor, 1));
    EXPECT_EQ(plan(right_set::all(), verb::stor, 1)->mode, mode::resume);
}

TEST(access_policy, renames_gain_no_rights) {
    const auto move = [](std::string_view from, std::string_view to) {
        return check_rename(partner(), path_of(from), path_of(to)).has_value();
    };
    EXPECT_TRUE(move("/in/own/a", "/in/own/b"));
    EXPECT_FALSE(move("/in/own/a", "/b"));
    EXPECT_FALSE(move("/in/f", "/in/own/f"));
    EXPECT_FALSE(move("/in/own/a", "/in/own/a.key")) << "denied";
    EXPECT_FALSE(move("/in/own/a.key", "/in/own/a")) << "denied";
    EXPECT_FALSE(move("/in/own/a", "/in/own/secret")) << "hidden";

    const account user{.rights = right_set::all(),
                       .paths = {{path_of("/a/log"), {list, read}}, {path_of("/box"), {right::rename}}}};
    EXPECT_FALSE(check_rename(user, path_of("/a"), path_of("/b"))) << "/a/log would be /b/log, with all rights";
    EXPECT_FALSE(check_rename(user, path_of("/b"), path_of("/a")));
    EXPECT_FALSE(check_rename(user, path_of("/a/log"), path_of("/b")));
    EXPECT_TRUE(check_rename(user, path_of("/a/other"), path_of("/b")));
    EXPECT_FALSE(check_rename(user, path_of("/box/f"), path_of("/f"))) << "it could be read there";
    EXPECT_EQ(check_rename(user, path_of("/f"), path_of("/box/f")), vfs::existing_target::keep);
    EXPECT_EQ(check_rename(user, path_of("/f"), path_of("/g")), vfs::existing_target::replace);
}

TEST(access_policy, the_fact_perm_shows_the_rights) {  // RFC 3659, section 7.5.5
    const account user = partner();
    using type = vfs::file_type;
    EXPECT_EQ(permissions_of(user, path_of("/f"), type::file), "r");
    EXPECT_EQ(permissions_of(user, path_of("/d"), type::directory), "el");
    EXPECT_EQ(permissions_of(user, path_of("/in"), type::directory), "cem");
    EXPECT_EQ(permissions_of(user, path_of("/in/own"), type::directory), "cdeflmp");
    EXPECT_EQ(permissions_of(user, path_of("/in/own/f"), type::file), "adfrw");
    EXPECT_EQ(permissions_of(user, path_of("/in/own/a.key"), type::file), "");
    EXPECT_EQ(permissions_of(user, path_of("/f"), type::other), "");
}

}  // namespace
}  // namespace sallyport::server
