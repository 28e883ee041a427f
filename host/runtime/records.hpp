// Plain host types for what synthesizers read and emit: the owning counterparts of samara_record,
// samara_candidate, samara_relation and samara_group (sdk/include/samara/samara.h, section 4).  No
// ATen, no third-party headers.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace samara::host {

using Ids = std::vector<int64_t>;  ///< token ids

/// One turn.  Plain text is one message with an empty role.
struct Message {
    std::string role;
    std::string content;
    bool operator==(const Message&) const = default;
};

/// One row of input data, as text or already tokenised (then the *_ids are set and the texts
/// absent).
struct Record {
    std::string id;  ///< from the row, else "<file stem>:<line>"
    std::vector<Message> prompt;
    std::optional<std::string> chosen;    ///< an unpaired response stands here, whatever its label
    std::optional<std::string> rejected;  ///< absent for unpaired and supervised rows
    Ids prompt_ids, chosen_ids, rejected_ids;
    double weight = 1.0;
    double margin = 0.0;
    int64_t label = 0;  ///< unpaired: 1 desirable, -1 undesirable, 0 unknown
    std::vector<std::pair<std::string, std::string>>
        meta;           ///< the other fields, values as JSON text
    std::string where;  ///< "file:line", for messages
};

/// Pipeline ppo: what was frozen when a response was sampled, per response token.
struct Rollout {
    std::vector<double> old_logp;  ///< nats, under the policy that sampled
    std::vector<double> advantage;
    std::vector<double> old_value, returns;  ///< of the critic; empty without one
    double reward = 0;                       ///< total of the response
};

struct Candidate {
    std::vector<Message> prompt;
    std::optional<std::string> response;  ///< absent: prompt only, rolled out, never trained on
    Ids prompt_ids, response_ids;  ///< filled by the synthesizer (tokenised rows) or by the encoder
    int64_t label = 0;
    bool auxiliary = false;  ///< scored, but in no default loss
    double weight = 1.0;
    std::string tag;
    /// Pipeline dpo: log-probabilities of the response under the reference model, nats; summed, and
    /// of each token.  Set by the host before training (core/train/reference.hpp).
    double ref_logp = 0;
    double ref_prompt_logp = 0;  ///< of the prompt's tokens but its first
    std::vector<double> ref_tok_logp;
    std::shared_ptr<const Rollout> rollout;  ///< set: sampled, seen by losses on rollouts only
    std::string instructions;  ///< JSON array of {"id","kwargs","negated","text","truth"}, or empty
};

/// Order 1: candidate i is preferred to j (k = l = -1).  Order 2: the margin of (i, j) exceeds that
/// of (k, l).
struct Relation {
    int64_t order = 1;
    int64_t i = -1, j = -1, k = -1, l = -1;
    double weight = 1.0;
    double margin = 0.0;
    double flip = 0.0;  ///< probability that the order is the reverse; 0.5: equal
    std::string tag;
};

/// The candidates and relations that stem from one record.
struct Group {
    int64_t record = 0;     ///< index of the record
    std::string record_id;  ///< its id, for messages and reports
    std::vector<Candidate> candidates;
    std::vector<Relation> relations;
    std::vector<std::pair<std::string, std::string>> notes;  ///< "condition" -> "a", ...
    std::vector<std::pair<std::string, std::string>> meta;   ///< the record's, for meta.KEY columns
};

}  // namespace samara::host
