package query_test

import (
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// shape is a statement that can be built, and the rows that it answers on the
// seeded database: each row's values joined with "|", rows joined with ";".
type shape struct {
	name  string
	want  string
	build func(campaign.ID) (string, []any, error)
}

func day(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }

// Other names of a table are declared once, like tables.
var (
	shelf  = product.As("shelf")
	parent = content.As("parent")
)

// shapes is one of every kind of statement. Each is built, and run on the server.
func shapes(t testing.TB) []shape {
	signer := newSigner(t)
	parentID, parentStatus := contentID.Of(parent), contentStatus.Of(parent)

	where := func(name, want string, conditions ...query.Condition) shape {
		return shape{name, want, func(id campaign.ID) (string, []any, error) {
			return query.NewCampaignQuery(id).WithTable(content).Columns(contentID).Where(conditions...).OrderBy(contentID.Asc()).SQL()
		}}
	}
	of := func(name, want string, build func(*query.CampaignQueryBuilder) *query.CampaignQueryBuilder) shape {
		return shape{name, want, func(id campaign.ID) (string, []any, error) {
			return build(query.NewCampaignQuery(id)).SQL()
		}}
	}
	type q = *query.CampaignQueryBuilder
	return []shape{
		where("no condition", "1;2;3;4"),
		where("equal", "2", contentStatus.Equal("draft")),
		where("not equal", "1;3;4", contentStatus.NotEqual("draft")),
		where("in texts", "1;2;4", contentStatus.In("draft", "published")),
		where("in none", "", contentStatus.In()),
		where("not in", "3", contentStatus.NotIn("draft", "published")),
		where("not in none", "1;2;3;4", contentStatus.NotIn()),
		where("not in, null", "3", contentKind.NotIn("news", "blog")),
		where("not equal, null", "2;3", contentKind.NotEqual("news")),
		where("in ids", "2;4", contentID.In(2, 4, 99)),
		where("in untyped", "2;4", content.Column("slug").In("b", "d")),
		where("greater", "3;4", contentID.GreaterThan(2)),
		where("at least", "2;3;4", contentID.AtLeast(2)),
		where("less", "1", contentID.LessThan(2)),
		where("at most", "1;2", contentID.AtMost(2)),
		where("between", "2;3", contentCreatedAt.Between(day(2), day(4))),
		where("key", "1;4", contentKind.Equal("news")),
		where("key in", "1;2;4", contentKind.In("news", "blog")),
		where("key null", "3", contentKind.IsNull()),
		where("key not null", "1;2;4", contentKind.IsNotNull()),
		where("deep key", "2", contentMetadata.Key("deep", "a'\\b").Equal("z")),
		where("contains", "1;4", contentMetadata.Contains(map[string]any{"kind": "news"})),
		where("contains text", "1", contentMetadata.Contains(`{"n": 5}`)),
		where("contains list", "1", contentTags.Contains([]string{"x"})),
		where("path", "1;4", contentMetadata.PathExists("$.n", nil)),
		where("path with variables", "1", contentMetadata.PathExists("$.n ? (@ > $least)", map[string]any{"least": 3})),
		where("path that errs", "", contentMetadata.PathExists("strict $.nothing.deeper", nil)),
		where("search", "1", contentTitleWords.Matches(`apple -cake`)),
		where("search or", "1;2;4", contentTitleWords.Matches(`"apple" or banana`)),
		where("search of anything", "", contentTitleWords.Matches(`" ' \ ( & | ! :* <->`)),
		where("any of", "2;4", query.AnyOf(contentStatus.Equal("draft"), query.AnyOf(contentID.Between(4, 9), contentID.Equal(2)))),
		where("all together", "1", contentStatus.Equal("published"), contentKind.Equal("news"), contentCreatedAt.LessThan(day(2)), contentID.In(1, 2), contentTitle.IsNotNull()),

		of("nulls", "2", func(b q) q {
			return b.WithTable(user).Columns(userID).Where(userLastLoginAt.IsNull())
		}),
		of("lower", "1", func(b q) q {
			return b.WithTable(user).Columns(userID).Where(query.Lower(userUsername).Equal("one"))
		}),
		of("numeric", "1;2", func(b q) q {
			return b.WithTable(product).Columns(productID).Where(productPrice.In("9.99", "19.990"), productPrice.LessThan("19.991"), productStock.In(5, 0)).OrderBy(productPrice.Asc())
		}),
		of("campaign itself", "seven", func(b q) q {
			return b.WithTable(mainCampaign).Columns(mainCampaignName).Where(mainCampaignStatus.Equal("active"), mainCampaignRate.IsNull())
		}),
		of("campaign itself, double", "", func(b q) q {
			return b.WithTable(mainCampaign).Columns(mainCampaignName).Where(mainCampaignRate.GreaterThan(1.5))
		}),
		of("from context", "1", func(b q) q { return b.WithTable(content).Columns(contentID).Where(contentSlug.Equal("a")) }),
		of("words as a column", "'appl':1 'pie':2", func(b q) q {
			return b.WithTable(content).Columns(contentTitleWords).Where(contentID.Equal(1))
		}),

		of("join to one", "1|one@x;2|two@x;3|three@x", func(b q) q {
			return b.WithTable(content).Columns(contentID, userEmail).Join(user, userID.EqualColumn(contentVersion)).OrderBy(contentID.Asc())
		}),
		of("left join", "1|one@x;2|two@x;3|three@x;4|<nil>", func(b q) q {
			return b.WithTable(content).Columns(contentID, userEmail).LeftJoin(user, userID.EqualColumn(contentVersion)).OrderBy(contentID.Asc())
		}),
		of("left join with a value, ordered by it", "3|three@x;1|<nil>;2|<nil>;4|<nil>", func(b q) q {
			return b.WithTable(content).Columns(contentID, userEmail).
				LeftJoin(user, userID.EqualColumn(contentVersion), userEmail.GreaterThan("p"), userEmail.NotEqual("two@x")).
				OrderBy(userEmail.Desc(), contentID.Asc())
		}),
		of("join to many under another name", "1|4;4|1", func(b q) q {
			return b.WithTable(content).Columns(contentID, parentID).
				Join(parent, parentStatus.EqualColumn(contentStatus), parentID.NotEqual(2)).
				Where(contentStatus.Equal("published"), query.AnyOf(parentID.GreaterThan(1), contentID.GreaterThan(1))).
				Where(query.AnyOf(parentID.LessThan(4), contentID.LessThan(4))).
				OrderBy(contentID.Asc()).Limit(10)
		}),
		of("join of the campaign", "seven|1", func(b q) q {
			return b.WithTable(mainCampaign).Columns(mainCampaignName, contentID).Join(content, contentSlug.Equal("a"))
		}),

		of("order, descending", "4;3;2;1", func(b q) q {
			return b.WithTable(content).Columns(contentID).OrderBy(contentCreatedAt.Desc())
		}),
		of("order, nulls last", "3;1;2", func(b q) q {
			return b.WithTable(user).Columns(userID).OrderBy(userLastLoginAt.Desc())
		}),
		of("order, nulls first", "2;3;1", func(b q) q {
			return b.WithTable(user).Columns(userID).OrderBy(userLastLoginAt.Desc().NullsFirst())
		}),
		of("order, by key", "2;1;4;3", func(b q) q {
			return b.WithTable(content).Columns(contentID).OrderBy(contentKind.Asc())
		}),
		of("limit", "1;2", func(b q) q {
			return b.WithTable(content).Columns(contentID).OrderBy(contentID.Asc()).Limit(2)
		}),
		of("unlimited", "1;2;3;4", func(b q) q {
			return b.WithTable(content).Columns(contentID).OrderBy(contentID.Asc()).Unlimited()
		}),
		of("first page", "1;2", func(b q) q {
			return b.WithTable(content).Columns(contentID).After(signer, "").Limit(2)
		}),
		{"next page", "2;1", func(id campaign.ID) (string, []any, error) {
			page := func(token string) q {
				return query.NewCampaignQuery(id).WithTable(content).Columns(contentID).OrderBy(contentCreatedAt.Desc()).After(signer, token).Limit(2)
			}
			token, err := page("").NextCursor(day(3), int64(3))
			if err != nil {
				return "", nil, err
			}
			return page(token).SQL()
		}},
		{"count", "4", func(id campaign.ID) (string, []any, error) {
			return query.NewCampaignQuery(id).WithTable(content).CountSQL(4)
		}},
		{"count with a bound", "3", func(id campaign.ID) (string, []any, error) {
			return query.NewCampaignQuery(id).WithTable(content).Columns(contentID).OrderBy(contentID.Asc()).Limit(1).CountSQL(2)
		}},
		{"count of a join", "1", func(id campaign.ID) (string, []any, error) {
			return query.NewCampaignQuery(id).WithTable(content).Join(user, userID.EqualColumn(contentVersion)).Where(userEmail.Equal("two@x")).CountSQL(10)
		}},

		of("for update", "1", func(b q) q {
			return b.WithTable(content).Columns(contentID).Where(contentID.Equal(1)).ForUpdate()
		}),
		of("for update, skip locked, left join", "1;2", func(b q) q {
			return b.WithTable(content).Columns(contentID).LeftJoin(user, userID.EqualColumn(contentVersion)).OrderBy(contentID.Asc()).Limit(2).ForUpdate().SkipLocked()
		}),
		of("for no key update", "1", func(b q) q {
			return b.WithTable(content).Columns(contentID).Where(contentID.Equal(1)).ForNoKeyUpdate().NoWait()
		}),
		of("for share", "1", func(b q) q {
			return b.WithTable(content).Columns(contentID).Where(contentID.Equal(1)).ForShare()
		}),
		of("for key share, under another name", "1", func(b q) q {
			return b.WithTable(parent).Columns(parentID).Where(parentID.Equal(1)).ForKeyShare()
		}),

		of("insert", "7|e|draft|<nil>", func(b q) q {
			return b.WithTable(content).
				Insert(contentSlug.Set("e"), contentTitle.Set("Eclair"), contentStatus.SetDefault(), contentMetadata.Set(map[string]any{"a": 1}), contentTags.Set([]string{"t"}), query.SetNow(contentCreatedAt)).
				Returning(contentCampaign, contentSlug, contentStatus, contentKind)
		}),
		of("insert with null", "<nil>", func(b q) q {
			return b.WithTable(user).Insert(userEmail.Set("n@x"), userUsername.SetNull(), userMetadata.Set(`{"from": "text"}`)).Returning(userUsername)
		}),
		of("insert, conflict ignored", "", func(b q) q {
			return b.WithTable(content).Insert(contentSlug.Set("a"), contentTitle.Set("A")).OnConflict(contentSlug).DoNothing().Returning(contentID)
		}),
		of("insert, any conflict ignored", "", func(b q) q {
			return b.WithTable(content).Insert(contentSlug.Set("a"), contentTitle.Set("A")).DoNothing().Returning(contentID)
		}),
		of("insert, conflict of an expression", "", func(b q) q {
			return b.WithTable(user).Insert(userEmail.Set("ONE@X")).OnConflict(query.Lower(userEmail)).DoNothing().Returning(userID)
		}),
		of("insert or update", "1|A|2", func(b q) q {
			return b.WithTable(content).Insert(contentSlug.Set("a"), contentTitle.Set("A")).
				OnConflict(contentSlug).DoUpdate(contentTitle.SetExcluded(), query.Add(contentVersion, 1)).
				Returning(contentID, contentTitle, contentVersion)
		}),
		of("insert or update where", "", func(b q) q {
			return b.WithTable(content).Insert(contentSlug.Set("a"), contentTitle.Set("A")).
				OnConflict(contentSlug).DoUpdate(contentTitle.SetExcluded()).Where(contentStatus.Equal("draft")).
				Returning(contentID)
		}),
		of("update", "2|B|3|blog", func(b q) q {
			return b.WithTable(content).
				Update(contentTitle.Set("B"), query.Add(contentVersion, 1), query.SetNow(contentUpdatedAt), contentMetadata.Merge(map[string]any{"x": true}), contentBody.SetDefault()).
				Where(contentID.Equal(2), contentVersion.Equal(2)).
				Returning(contentID, contentTitle, contentVersion, contentKind)
		}),
		of("update of a row that changed meanwhile", "", func(b q) q {
			return b.WithTable(content).Update(contentTitle.Set("B")).Where(contentID.Equal(2), contentVersion.Equal(1)).Returning(contentID)
		}),
		of("update of all rows, under another name", "1|0;2|0;3|0", func(b q) q {
			p := shelf
			return b.WithTable(p).Update(productStock.Of(p).Set(0)).AllRows().Returning(productID.Of(p), productStock.Of(p))
		}),
		of("update with null", "1|<nil>", func(b q) q {
			return b.WithTable(user).Update(userFirstName.SetNull()).Where(userID.Equal(1)).Returning(userID, userFirstName)
		}),
		of("delete", "3", func(b q) q {
			return b.WithTable(content).Delete().Where(contentStatus.Equal("review")).Returning(contentID)
		}),
		of("delete of all rows", "1;2;3", func(b q) q {
			return b.WithTable(product).Delete().AllRows().Returning(productID)
		}),
	}
}
