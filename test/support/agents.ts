/** Pieces of shell scripts that are agents: see `WorldOptions.agents`. */

/** Says that it runs, and for which time in this home: once per run, whatever happens to the orchestrator. */
export const saysThatItRuns = `
  echo start >> "$HOME/starts"
  echo "start $(wc -l < "$HOME/starts")"`;

/** Commits something, pushes it, and opens the pull request if there is none. */
export const publishes = `
  cat "$BOTTLE_PROMPT" > "issue-$FORGE_ISSUE_NUMBER.md"
  git add . && git commit --quiet --message "run $(wc -l < "$HOME/starts")"
  git push --quiet origin HEAD
  if [ -z "$FORGE_PR_NUMBER" ]; then forge open-pr --title Work --body "For the issue."; fi`;

export const succeeds = `
  forge signal-done success "all done"`;

/** Does what it is asked to: a commit, a pull request, done. */
export const worker = `set -e${saysThatItRuns}${publishes}${succeeds}`;
