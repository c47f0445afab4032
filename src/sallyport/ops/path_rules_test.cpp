#include <sallyport/ops/path_rules.hpp>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;

TEST(PathRules, allow_the_directory_of_a_file_since_a_renewed_file_is_another_one) {
    path_rules rules;
    rules.add_file("/srv/absent/cert.pem", path_access::read);
    rules.add_file("/srv/absent/key.pem", path_access::read);
    EXPECT_EQ(rules.paths, (std::vector<path_rule>{{"/srv/absent", path_access::read}}));
}

TEST(PathRules, allow_only_the_file_itself_in_a_directory_that_has_everything) {
    path_rules rules;
    rules.add_file("/cert.pem", path_access::read);
    rules.add_file("/dev/cert.pem", path_access::read);
    rules.add_file("/srv/../log", path_access::write);
    EXPECT_EQ(rules.paths,
              (std::vector<path_rule>{
                  {"/cert.pem", path_access::read}, {"/dev/cert.pem", path_access::read}, {"/log", path_access::write}}));
}

TEST(PathRules, allow_the_directory_of_a_links_target_too) {
    std::string base = "/tmp/path-rules-XXXXXX";
    ASSERT_NE(::mkdtemp(base.data()), nullptr);
    fs::create_directories(base + "/live");
    fs::create_directories(base + "/archive");
    std::ofstream(base + "/archive/cert1.pem") << "x";
    fs::create_symlink("../archive/cert1.pem", base + "/live/cert.pem");
    path_rules rules;
    rules.add_file(base + "/live/cert.pem", path_access::read);
    EXPECT_EQ(rules.paths,
              (std::vector<path_rule>{{base + "/live", path_access::read}, {base + "/archive", path_access::read}}));
    fs::remove_all(base);
}

TEST(PathRules, ignore_standard_error_and_options_that_are_not_given) {
    path_rules rules;
    rules.add_file("", path_access::read);
    rules.add_file("-", path_access::write);
    EXPECT_TRUE(rules.paths.empty());
}

TEST(PathRules, of_the_system_only_read) {
    for (const auto& rule : system_paths()) EXPECT_EQ(rule.access, path_access::read) << rule.path;
}

}  // namespace
}  // namespace sallyport::ops
