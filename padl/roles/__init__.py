"""Roles of parameters: what each one is, so that no rule has to guess it from the number of its axes.

role.py: what a role says, and how a layer declares one. layers.py reads the roles of a flax.nnx module from its layers;
inference.py infers those of a plain tree from names and shapes. table.py: one row for each parameter, to be printed.
patterns.py: which parameters a word of a user's means.

layers.py imports flax, and is imported where there is a module to read.
"""

from padl.roles.inference import infer as infer
from padl.roles.patterns import cover as cover
from padl.roles.patterns import matches as matches
from padl.roles.role import ROLES as ROLES
from padl.roles.role import ParameterRole as ParameterRole
from padl.roles.role import Role as Role
from padl.roles.role import declare as declare
from padl.roles.role import usual as usual
from padl.roles.table import RoleRow as RoleRow
from padl.roles.table import roles_line as roles_line
from padl.roles.table import roles_table as roles_table
